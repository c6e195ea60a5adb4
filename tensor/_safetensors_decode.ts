import { FILE_DTYPES, quote, type SafetensorsEntry, SafetensorsError } from "./_safetensors_header.ts";
import type { DType } from "./dtype.ts";
import { showShape } from "./errors.ts";
import { f16ArrayOf } from "./half.ts";
import type { HostTensor } from "./host.ts";

/**
 * The tensor in exactly its bytes: a view of them where their place allows it, otherwise a copy.
 *
 * @throws {SafetensorsError} if an element does not fit, or there is no such element type on the host
 */
export function decodeTensor(file: string, entry: SafetensorsEntry, raw: Uint8Array): HostTensor<DType> {
  const { name, fileDtype, shape, numel } = entry;
  const unfit = (index: number, value: number | bigint, rule: string): never => {
    throw new SafetensorsError(
      file,
      "value",
      `Cannot read tensor ${quote(name)} of safetensors file ${file}: ${rule}, element ${index} is ${value}`,
      { name, index, value },
    );
  };
  try {
    // Views must begin at a multiple of their element and not lie in memory shared between threads.
    const aligned = raw.byteOffset % (FILE_DTYPES[fileDtype].bits / 8) === 0 && raw.buffer instanceof ArrayBuffer;
    const bytes = (aligned ? raw : raw.slice()) as Uint8Array<ArrayBuffer>;
    const { buffer, byteOffset } = bytes;
    switch (fileDtype) {
      case "F32":
        return { dtype: "f32", shape, data: new Float32Array(buffer, byteOffset, numel) };
      case "F16":
        return { dtype: "f16", shape, data: f16ArrayOf(new Uint16Array(buffer, byteOffset, numel)) };
      case "BF16":
        return { dtype: "bf16", shape, data: new Uint16Array(buffer, byteOffset, numel) };
      case "I32":
        return { dtype: "i32", shape, data: new Int32Array(buffer, byteOffset, numel) };
      case "U32":
        return { dtype: "u32", shape, data: new Uint32Array(buffer, byteOffset, numel) };
      case "BOOL": {
        const at = bytes.findIndex((byte) => byte > 1);
        if (at >= 0) unfit(at, bytes[at], "elements of BOOL must be 0 or 1");
        return { dtype: "bool", shape, data: bytes };
      }
      case "I64": {
        const halves = new Int32Array(buffer, byteOffset, 2 * numel);
        const data = new Int32Array(numel);
        for (let i = 0; i < numel; i++) {
          data[i] = halves[2 * i];
          if (halves[2 * i + 1] !== data[i] >> 31) {
            unfit(i, new BigInt64Array(buffer, byteOffset, numel)[i], "elements of I64 must fit in i32");
          }
        }
        return { dtype: "i32", shape, data };
      }
      case "U64": {
        const halves = new Uint32Array(buffer, byteOffset, 2 * numel);
        const data = new Uint32Array(numel);
        for (let i = 0; i < numel; i++) {
          data[i] = halves[2 * i];
          if (halves[2 * i + 1] !== 0) {
            unfit(i, new BigUint64Array(buffer, byteOffset, numel)[i], "elements of U64 must fit in u32");
          }
        }
        return { dtype: "u32", shape, data };
      }
      case "I16":
        return { dtype: "i32", shape, data: Int32Array.from(new Int16Array(buffer, byteOffset, numel)) };
      case "U16":
        return { dtype: "i32", shape, data: Int32Array.from(new Uint16Array(buffer, byteOffset, numel)) };
      case "I8":
        return { dtype: "i32", shape, data: Int32Array.from(new Int8Array(buffer, byteOffset, numel)) };
      case "U8":
        return { dtype: "i32", shape, data: Int32Array.from(bytes) };
      case "F64": {
        const wide = new Float64Array(buffer, byteOffset, numel);
        const data = Float32Array.from(wide);
        for (let i = 0; i < numel; i++) {
          if (!Number.isFinite(data[i]) && Number.isFinite(wide[i])) {
            unfit(i, wide[i], "elements of F64 must fit in f32");
          }
        }
        return { dtype: "f32", shape, data };
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // a typed array of that length cannot be had
    throw new SafetensorsError(
      file,
      "memory",
      `Cannot read tensor ${quote(name)} of safetensors file ${file}: it must fit in memory, its shape is ${
        showShape(shape)
      }`,
      { name, shape },
    );
  }
  throw new SafetensorsError(
    file,
    "dtype",
    `Cannot read tensor ${quote(name)} of safetensors file ${file}: there is no tensor of dtype ${fileDtype}`,
    { name, dtype: fileDtype },
  );
}
