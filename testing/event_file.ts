/**
 * Reads event files without any code of the logger that writes them: frames, checksums bit by bit, fields of messages.
 */

/** CRC-32C by the polynomial's definition. */
function crc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const high = (rest ^ (byte >> bit)) & 1;
      rest >>>= 1;
      if (high) rest ^= 0x82f63b78;
    }
  }
  return ~rest >>> 0;
}

function masked(bytes: Uint8Array): number {
  const crc = BigInt(crc32c(bytes));
  return Number(BigInt.asUintN(32, BigInt.asUintN(32, (crc >> 15n) | (crc << 17n)) + 0xa282ead8n));
}

/** The records of a TFRecord file, every checksum verified. */
export function readRecords(file: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [], view = new DataView(file.buffer, file.byteOffset, file.length);
  for (let at = 0; at < file.length;) {
    const length = Number(view.getBigUint64(at, true)), end = at + 12 + length;
    const data = file.subarray(at + 12, end);
    if (view.getUint32(at + 8, true) !== masked(file.subarray(at, at + 8))) {
      throw new Error(`length at ${at} is damaged`);
    }
    if (view.getUint32(end, true) !== masked(data)) throw new Error(`record at ${at} is damaged`);
    records.push(data);
    at = end + 4;
  }
  return records;
}

/** The fields of a message: numbers as bigint, the rest as bytes. */
export class Fields {
  readonly #fields = new Map<number, (bigint | Uint8Array)[]>();

  constructor(bytes: Uint8Array) {
    let at = 0;
    const varint = () => {
      let value = 0n;
      for (let shift = 0n;; shift += 7n) {
        const byte = bytes[at++];
        value |= BigInt(byte & 127) << shift;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const key = Number(varint()), field = key >> 3, wire = key & 7;
      const sized = (length: number) => bytes.slice(at, at += length);
      const value = wire === 0 ? varint() : sized(wire === 1 ? 8 : wire === 5 ? 4 : Number(varint()));
      this.#fields.set(field, [...this.#fields.get(field) ?? [], value]);
    }
  }

  /** All values of a field that are bytes. */
  all(field: number): Uint8Array[] {
    return (this.#fields.get(field) ?? []) as Uint8Array[];
  }

  /** Messages of a field. */
  messages(field: number): Fields[] {
    return this.all(field).map((bytes) => new Fields(bytes));
  }

  /** A message by the fields that lead to it. */
  at(...path: number[]): Fields {
    return path.reduce<Fields>((fields, field) => fields.messages(field)[0] ?? new Fields(new Uint8Array(0)), this);
  }

  text(field: number): string {
    return new TextDecoder().decode(this.all(field)[0]);
  }

  integer(field: number): number {
    return Number(BigInt.asIntN(64, (this.#fields.get(field)?.[0] ?? 0n) as bigint));
  }

  double(field: number): number {
    return new DataView(this.all(field)[0].buffer).getFloat64(0, true);
  }

  float(field: number): number {
    return new DataView(this.all(field)[0].buffer).getFloat32(0, true);
  }

  doubles(field: number): number[] {
    return [...new Float64Array(this.all(field)[0].buffer)];
  }
}
