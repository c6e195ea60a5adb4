import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { exists, joinPath, listDir, makeTempDir, readFile, remove, runCommand, writeFile } from "../platform/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { tensor } from "../mod.ts";
import type { DType } from "./dtype.ts";
import { f16ArrayOf, f32ToBf16, f32ToF16 } from "./half.ts";
import type { HostTensor } from "./host.ts";
import {
  encodeSafetensors,
  parseSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  SafetensorsError,
  writeSafetensors,
} from "./safetensors.ts";
import { testIf } from "../testing/test_if.ts";

const text = new TextEncoder();

/** A file of a header written by hand. */
function fileOf(json: string | Uint8Array, data: ArrayLike<number> = [], claimed?: bigint): Uint8Array<ArrayBuffer> {
  const header = typeof json === "string" ? text.encode(json) : json;
  const bytes = new Uint8Array(8 + header.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(header.length), true);
  bytes.set(header, 8);
  bytes.set(data, 8 + header.length);
  return bytes;
}

const sample: Record<string, HostTensor<DType>> = {
  mask: { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) },
  half: { dtype: "f16", shape: [3], data: f16ArrayOf(f32ToF16([1, -0, Infinity])) },
  "conv1.weight": { dtype: "f32", shape: [1, 2], data: Float32Array.of(1.5, -2) },
  brain: { dtype: "bf16", shape: [1, 1], data: f32ToBf16([NaN]) },
  "7": { dtype: "i32", shape: [], data: Int32Array.of(-7) },
  __proto__x: { dtype: "u32", shape: [2], data: Uint32Array.of(0, 4294967295) },
  empty: { dtype: "f32", shape: [0, 4], data: new Float32Array(0) },
};

/** Names, types, shapes and bytes, so that NaN payloads count. */
function facts(tensors: Iterable<[string, HostTensor<DType>]>) {
  return [...tensors].map(([name, { dtype, shape, data }]) => ({
    name,
    dtype,
    shape: [...shape],
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).toHex(),
  }));
}
const byName = (a: { name: string }, b: { name: string }) => a.name < b.name ? -1 : 1;

/** Reads a file in the plainest way, with nothing from the library: what the format's page says, line by line. */
function plainRead(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = Number(view.getBigUint64(0, true));
  const json = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const found = [];
  for (const [name, entry] of Object.entries<{ dtype: string; shape: number[]; data_offsets: number[] }>(json)) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets.map((offset) => 8 + length + offset);
    found.push({
      name,
      dtype: entry.dtype.toLowerCase(),
      shape: entry.shape,
      bytes: bytes.subarray(begin, end).toHex(),
      begin,
    });
  }
  return { found, metadata: json.__metadata__, length };
}

Deno.test("what is written is read again, bit for bit", () => {
  const bytes = encodeSafetensors(sample, { format: "pt", note: 'é\n"' });
  const { tensors, metadata } = parseSafetensors(bytes);
  assertEquals(facts(tensors).sort(byName), facts(Object.entries(sample)).sort(byName));
  assertEquals([...metadata], [["format", "pt"], ["note", 'é\n"']]);
});

Deno.test("a plain reader of the format finds the same tensors, aligned, widest elements first", () => {
  const bytes = encodeSafetensors(sample, { format: "pt" });
  const { found, metadata, length } = plainRead(bytes);
  assertEquals(metadata, { format: "pt" });
  assertEquals(length % 8, 0);
  assertEquals(bytes[8], "{".charCodeAt(0));
  const widths = found.map(({ dtype }) => dtype === "bool" ? 1 : dtype.includes("16") ? 2 : 4);
  assertEquals(widths, widths.toSorted((a, b) => b - a));
  for (const [i, { begin }] of found.entries()) assertEquals(begin % widths[i], 0);
  const plain = found.map(({ name, dtype, shape, bytes }) => ({ name, dtype, shape, bytes }));
  assertEquals(plain.sort(byName), facts(Object.entries(sample)).sort(byName));
});

Deno.test("names keep the order of the file, also names that look like numbers, and __proto__ is a name", () => {
  const entry = (at: number) => `{"dtype":"U32","shape":[1],"data_offsets":[${at},${at + 4}]}`;
  const bytes = fileOf(
    `{"b":${entry(4)},"10":${entry(0)},"__proto__":${entry(12)},"2":${entry(8)}}`,
    new Array(16).fill(1),
  );
  const { tensors } = parseSafetensors(bytes);
  assertEquals([...tensors.keys()], ["b", "10", "__proto__", "2"]);
  assertEquals(parseSafetensors(encodeSafetensors(tensors)).tensors.size, 4);
  assert(!("dtype" in {}), "Object.prototype is untouched");
});

Deno.test("files by the reference implementation load: every element type, scalars, empty tensors", () => {
  // Written by safetensors 0.8.0 (Python): save({...}, {"format": "np"}) of the arrays named here.
  const recorded = Uint8Array.fromBase64(RECORDED);
  const { tensors, metadata } = parseSafetensors(recorded);
  const got = Object.fromEntries(
    [...tensors].map(([name, { dtype, shape, data }]) => [name, [dtype, shape, [...data]]]),
  );
  assertEquals(got, {
    f64: ["f32", [2], [0.5, Math.fround(0.1)]],
    f32: ["f32", [1, 2], [1, -2]],
    f16: ["f16", [2], [1, 65504]],
    i64: ["i32", [2], [-2147483648, 2147483647]],
    u64: ["u32", [1], [4294967295]],
    i32: ["i32", [], [-5]],
    u32: ["u32", [1], [7]],
    i16: ["i32", [2], [-3, 32767]],
    u16: ["i32", [1], [65535]],
    i8: ["i32", [2], [-128, 127]],
    u8: ["i32", [3], [0, 128, 255]],
    bool: ["bool", [2, 1], [1, 0]],
    none: ["f32", [0, 3], []],
  });
  assertEquals([...metadata], [["format", "np"]]);
});

Deno.test("PyTorch's files under tests/golden load, and come back equal when written again", async () => {
  const root = new URL("../tests/golden/", import.meta.url).pathname;
  let files = 0;
  const walk = async (folder: string): Promise<void> => {
    for (const name of await listDir(folder)) {
      const path = joinPath(folder, name);
      if (name.endsWith(".safetensors")) {
        files++;
        const bytes = await readFile(path);
        const { tensors } = await readSafetensors(path);
        const whole = parseSafetensors(bytes, path);
        assertEquals(facts(whole.tensors), facts(tensors));
        const again = parseSafetensors(encodeSafetensors(tensors));
        assertEquals(facts(again.tensors).sort(byName), facts(tensors).sort(byName));
        const plain = plainRead(bytes).found.map(({ name, dtype, shape, bytes }) => ({ name, dtype, shape, bytes }));
        assertEquals(facts(tensors), plain, path);
      } else if (!name.includes(".")) await walk(path);
    }
  };
  await walk(root);
  assert(files >= 26, `${files} files`);
});

const one = (json: string) => fileOf(json, [0, 0, 0, 0]);
const entry = (dtype: string, shape: string, offsets: string) =>
  `{"w":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`;

const broken: [string, Uint8Array, string, string][] = [
  ["nothing", new Uint8Array(0), "file-size", "it must begin with 8 bytes of header length, it has 0 bytes"],
  ["7 bytes", new Uint8Array(7), "file-size", "it has 7 bytes"],
  [
    "a header above the limit",
    fileOf("{}", [], 100_000_001n),
    "header-size",
    "at most 100000000 bytes, it claims 100000001",
  ],
  ["a header of 2^64 - 1", fileOf("{}", [], 2n ** 64n - 1n), "header-size", "it claims 18446744073709551615"],
  [
    "a header beyond the file",
    fileOf("{}", [], 3n),
    "file-size",
    "it claims 3 bytes after the first 8 and the file has 10",
  ],
  ["no header", fileOf(""), "header-start", 'must begin with "{", it begins with nothing'],
  ["a leading space", fileOf(" {}"), "header-start", "it begins with byte 32"],
  ["a list", fileOf("[]"), "header-start", "it begins with byte 91"],
  ["a byte order mark", fileOf("\ufeff{}"), "header-start", "it begins with byte 239"],
  ["bytes that are no UTF-8", fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), "utf8", "must be UTF-8"],
  ["an overlong encoding", fileOf(Uint8Array.of(0x7b, 0x22, 0xc0, 0xa2, 0x7d)), "utf8", "must be UTF-8"],
  ["half a header", fileOf('{"w":'), "json", "a value must be JSON, found the end, at character 5"],
  ["text after the header", fileOf("{}x"), "json", 'nothing must follow the value, found "x", at character 2'],
  ["a trailing comma", fileOf('{"a":1,}'), "json", "a key must be a string"],
  ["a bad escape", fileOf('{"\\x":1}'), "json", "only the escapes of JSON"],
  ["half a surrogate pair", fileOf('{"\\ud800":1}'), "json", "half a surrogate pair"],
  ["a line break in a name", fileOf('{"a\n":1}'), "json", "control characters"],
  ["a leading zero", one(entry('"F32"', "[01]", "[0,4]")), "json", "must not begin with a zero"],
  [
    "a name twice",
    one(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`),
    "duplicate-key",
    '"w" does',
  ],
  [
    "a name twice by an escape",
    one(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0077":{}}`),
    "duplicate-key",
    '"w" does',
  ],
  [
    "a key twice within an entry",
    one('{"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}'),
    "duplicate-key",
    '"dtype" does',
  ],
  ["metadata twice", fileOf('{"__metadata__":{},"__metadata__":{}}'), "duplicate-key", '"__metadata__" does'],
  ["deep nesting", fileOf(`{"a":${"[".repeat(50_000)}`), "limit", "nested deeper than 16"],
  [
    "a shape with 5,000 axes",
    fileOf(entry('"F32"', `[${new Array(5000).fill(1)}]`, "[0,4]"), [0, 0, 0, 0]),
    "limit",
    "4096 items",
  ],
  ["metadata that is a list", fileOf('{"__metadata__":[]}'), "metadata", "must be an object, it is []"],
  ["metadata with a number", fileOf('{"__metadata__":{"a":1}}'), "metadata", '"a" is 1'],
  ["metadata with an object", fileOf('{"__metadata__":{"a":{}}}'), "metadata", '"a" is an object'],
  ["an entry that is no object", fileOf('{"w":3}'), "entry", 'the entry of tensor "w" must be an object, it is 3'],
  ["an unknown type", one(entry('"F31"', "[1]", "[0,4]")), "dtype", 'it is "F31"'],
  ["a type from the prototype", one(entry('"constructor"', "[1]", "[0,4]")), "dtype", 'it is "constructor"'],
  ["no type", one('{"w":{"shape":[1],"data_offsets":[0,4]}}'), "dtype", "it is nothing"],
  ["no shape", one('{"w":{"dtype":"F32","data_offsets":[0,4]}}'), "shape", "it is nothing"],
  ["a negative size", one(entry('"F32"', "[-1]", "[0,4]")), "shape", "it is [-1]"],
  ["minus zero", one(entry('"F32"', "[-0]", "[0,4]")), "shape", "it is [-0]"],
  ["a fraction", one(entry('"F32"', "[1.0]", "[0,4]")), "shape", "it is [1.0]"],
  ["an exponent", one(entry('"F32"', "[1e0]", "[0,4]")), "shape", "it is [1e0]"],
  ["a size as text", one(entry('"F32"', '["1"]', "[0,4]")), "shape", 'it is ["1"]'],
  ["a size beyond 2^53", one(entry('"F32"', "[9007199254740993]", "[0,4]")), "shape", "it is [9007199254740993]"],
  [
    "sizes whose product overflows",
    one(entry('"F32"', "[4294967296,4294967296]", "[0,4]")),
    "shape",
    "must stay below 2^50",
  ],
  [
    "sizes whose product wraps to 1 in 64 bits",
    one(entry('"U8"', "[9007199254740991,9007199254740991,0]", "[0,4]")),
    "shape",
    "must stay below 2^50",
  ],
  ["one offset", one(entry('"F32"', "[1]", "[0]")), "offsets", "two whole numbers"],
  ["offsets backwards", one(entry('"F32"', "[1]", "[4,0]")), "offsets", "they are [4, 0]"],
  ["a negative offset", one(entry('"F32"', "[1]", "[-4,0]")), "offsets", "it is [-4, 0]"],
  [
    "a range that is too short",
    one(entry('"F32"', "[2]", "[0,4]")),
    "size",
    "F32 [2] needs 8 bytes and data_offsets [0, 4] give 4",
  ],
  ["half a byte", fileOf(entry('"F4"', "[3]", "[0,1]"), [0]), "size", "F4 [3] needs 1.5 bytes"],
  ["a hole before", fileOf(entry('"F32"', "[1]", "[4,8]"), new Array(8).fill(0)), "tiling", "without holes"],
  [
    "a hole between",
    fileOf(
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}',
      [0, 0, 0],
    ),
    "tiling",
    'tensor "b" begins at byte 2 and the one before it ends at 1',
  ],
  [
    "an overlap",
    fileOf(
      '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
      [0, 0, 0],
    ),
    "tiling",
    "without overlaps",
  ],
  [
    "the same range twice",
    fileOf(
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      [0],
    ),
    "tiling",
    "without overlaps",
  ],
  [
    "bytes after the last tensor",
    fileOf(entry('"F32"', "[1]", "[0,4]"), new Array(5).fill(0)),
    "tiling",
    "they end at byte 4 and 5 bytes follow the header",
  ],
  [
    "a tensor beyond the file",
    fileOf(entry('"F32"', "[2]", "[0,8]"), [0, 0, 0, 0]),
    "tiling",
    "they end at byte 8 and 4 bytes follow the header",
  ],
  ["bytes and no tensor", fileOf("{}", [1]), "tiling", "1 bytes follow the header"],
  ["a bool of 2", fileOf(entry('"BOOL"', "[2]", "[0,2]"), [1, 2]), "value", "must be 0 or 1, element 1 is 2"],
  [
    "an I64 above i32",
    fileOf(entry('"I64"', "[1]", "[0,8]"), [0, 0, 0, 128, 0, 0, 0, 0]),
    "value",
    "must fit in i32, element 0 is 2147483648",
  ],
  [
    "an I64 below i32",
    fileOf(entry('"I64"', "[1]", "[0,8]"), [255, 255, 255, 127, 255, 255, 255, 255]),
    "value",
    "element 0 is -2147483649",
  ],
  [
    "a U64 above u32",
    fileOf(entry('"U64"', "[1]", "[0,8]"), [0, 0, 0, 0, 1, 0, 0, 0]),
    "value",
    "must fit in u32, element 0 is 4294967296",
  ],
  [
    "an F64 that f32 cannot hold",
    fileOf(entry('"F64"', "[1]", "[0,8]"), new Uint8Array(Float64Array.of(1e300).buffer)),
    "value",
    "element 0 is 1e+300",
  ],
  ["an 8-bit float", fileOf(entry('"F8_E4M3"', "[1]", "[0,1]"), [0]), "dtype", "there is no tensor of dtype F8_E4M3"],
];

Deno.test("every broken rule is an error with file, rule and values", async (t) => {
  for (const [what, bytes, rule, message] of broken) {
    await t.step(what, async () => {
      const error = assertThrows(() => parseSafetensors(bytes, "model.safetensors"), SafetensorsError);
      assertEquals(error.rule, rule, error.message);
      assertStringIncludes(error.message, message);
      assertStringIncludes(error.message, "model.safetensors");
      assert(!error.message.endsWith("."), "no final period");
      const fromFile = await assertRejects(() => readSafetensors(new File([bytes as Uint8Array<ArrayBuffer>], "f")));
      assertInstanceOf(fromFile, SafetensorsError);
      assertEquals(fromFile.rule, rule);
      assertEquals(fromFile.file, "f");
    });
  }
});

Deno.test("unknown keys of an entry and trailing spaces are let through, as the reference does", () => {
  const bytes = fileOf('{"w":{"dtype":"I32","note":{"a":[true,null,-1.5e3]},"shape":[1],"data_offsets":[0,4]}} \n ', [
    5,
    0,
    0,
    0,
  ]);
  assertEquals([...parseSafetensors(bytes).tensors.get("w")!.data], [5]);
});

Deno.test("misaligned tensors are copied, aligned ones are views", () => {
  const json = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  for (let pad = 0; pad < 4; pad++) {
    const bytes = fileOf(json + " ".repeat(pad), new Uint8Array(Float32Array.of(1.25).buffer));
    const { data } = parseSafetensors(bytes).tensors.get("w")!;
    assertEquals([...data], [1.25]);
    assertEquals(data.buffer === bytes.buffer, (8 + json.length + pad) % 4 === 0);
  }
});

/** Counts what is asked of a file. */
class CountedBlob extends Blob {
  asked = 0;
  override slice(start: number = 0, end: number = this.size, type?: string): Blob {
    this.asked += end - start;
    return super.slice(start, end, type);
  }
}

Deno.test("a header's claims are checked before anything is read for them", async () => {
  const claims = new CountedBlob([fileOf("{}", new Array(1000).fill(0), 99_999_999n)]);
  await assertRejects(() => readSafetensors(claims), SafetensorsError, "must lie within the file");
  assertEquals(claims.asked, 8);
  const ranges = new CountedBlob([
    fileOf('{"w":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}}'),
  ]);
  await assertRejects(() => readSafetensors(ranges), SafetensorsError, "they end at byte 1099511627776");
  assertEquals(ranges.asked, ranges.size);
});

Deno.test("tensors are read by name from their place alone, and the header without any", async () => {
  const file = new CountedBlob([
    encodeSafetensors({
      big: { dtype: "f32", shape: [100_000], data: new Float32Array(100_000) },
      a: { dtype: "i32", shape: [2], data: Int32Array.of(1, 2) },
      b: { dtype: "u32", shape: [1], data: Uint32Array.of(3) },
    }),
  ]);
  const { tensors } = await readSafetensors(file, { names: ["b", "a", "b"] });
  assertEquals([...tensors.keys()], ["b", "a"]);
  assertEquals([...tensors.get("a")!.data], [1, 2]);
  assertEquals([...tensors.get("b")!.data], [3]);
  assert(file.asked < 1000, `${file.asked} bytes`);
  const header = await readSafetensorsHeader(file);
  assertEquals(header.entries.get("big")?.shape, [100_000]);
  const error = await assertRejects(() => readSafetensors(file, { names: ["c"] }), SafetensorsError, '"c"');
  assertEquals(error.rule, "name");
});

Deno.test("types that cannot be read do not hide the other tensors of a file", async () => {
  const file = new Blob([
    fileOf(
      '{"f8":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]},"u8":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
      [9, 200],
    ),
  ]);
  assertEquals((await readSafetensorsHeader(file)).entries.get("f8")?.dtype, undefined);
  assertEquals([...(await readSafetensors(file, { names: ["u8"] })).tensors.get("u8")!.data], [200]);
  await assertRejects(() => readSafetensors(file), SafetensorsError, "no tensor of dtype F8_E5M2");
});

Deno.test("what cannot be written is refused, and an existing file is left as it is", async () => {
  const folder = await makeTempDir();
  try {
    const path = joinPath(folder, "model.safetensors");
    await writeSafetensors(path, sample, { step: "1" });
    const before = await readFile(path);
    assertEquals(before, encodeSafetensors(sample, { step: "1" }));
    const w: HostTensor<DType> = { dtype: "f32", shape: [1], data: Float32Array.of(1) };
    const refused: [Record<string, unknown>, Record<string, unknown>, string][] = [
      [{ __metadata__: w }, {}, "name"],
      [{ "\ud800": w }, {}, "name"],
      [{ w: { ...w, shape: [2] } }, {}, "shape"],
      [{ w: { ...w, shape: [-1, -1] } }, {}, "shape"],
      [{ w: { ...w, dtype: "u8", data: Uint8Array.of(1) } }, {}, "dtype"],
      [{ w: { ...w, data: Int32Array.of(1) } }, {}, "data"],
      [{ w: { dtype: "bool", shape: [1], data: Uint8Array.of(2) } }, {}, "value"],
      [{ w }, { step: 1 }, "metadata"],
      [{ w }, { step: "\udc00" }, "metadata"],
    ];
    for (const [tensors, metadata, rule] of refused) {
      // Plain JavaScript can pass what the types forbid.
      const write = writeSafetensors as (path: string, tensors: unknown, metadata: unknown) => Promise<void>;
      const error = await assertRejects(() => write(path, tensors, metadata), SafetensorsError, path);
      assertEquals(error.rule, rule);
    }
    assertEquals(await readFile(path), before);
    assertEquals(await listDir(folder), ["model.safetensors"]);
  } finally {
    await remove(folder, { recursive: true });
  }
});

gpuTest("what is no array on the host is told as what it is", () => {
  const w = tensor([1.5, 2]), gone = tensor([1.5]);
  gone.dispose();
  const refused: [unknown, RegExp][] = [
    [
      { w },
      /tensor "w" must be on the host, it is a tensor on the device: give .*await tensor\.data\(\).*saveSafetensors/,
    ],
    [new Map([["w", gone]]), /tensor "w" must be on the host, it is a tensor on the device/],
    [{ w: [1, 2] }, /tensor "w" must be \{ dtype, shape, data \}, it is \[1, 2\]/],
    [{ w: undefined }, /tensor "w" must be \{ dtype, shape, data \}, it is undefined/],
    [
      { net: { w: { dtype: "f32", shape: [1], data: Float32Array.of(1) } } },
      /tensor "net" must be \{ dtype, shape, data \}/,
    ],
    [
      { w: { dtype: "f32", shape: 1, data: Float32Array.of(1) } },
      /shape of tensor "w" must hold its 1 elements, it is 1/,
    ],
    [null, /tensors must be an object or a Map of names, got null/],
    [Promise.resolve({}), /tensors must be an object or a Map of names, got an object of Promise/],
  ];
  for (const [tensors, message] of refused) {
    const error = assertThrows(() => encodeSafetensors(tensors as never), Error);
    assert(message.test(error.message), error.message);
  }
});

Deno.test("a file that lacks its last byte is an error that names it", async () => {
  const folder = await makeTempDir();
  try {
    const path = joinPath(folder, "model.safetensors");
    await writeFile(path, encodeSafetensors(sample).subarray(0, -1));
    const error = await assertRejects(() => readSafetensors(path), SafetensorsError, path);
    assertEquals(error.rule, "tiling");
    assert(await exists(path));
  } finally {
    await remove(folder, { recursive: true });
  }
});

/** A Python that has the reference implementation, where there is one. */
const python = await (async () => {
  for (const command of [Deno.env.get("FULGURITE_PYTHON"), "python3"]) {
    if (!command) continue;
    try {
      if ((await runCommand(command, ["-c", "import safetensors.numpy"])).code === 0) return command;
    } catch (error) {
      assertInstanceOf(error, Error); // there is no such command
    }
  }
})();

testIf(
  python !== undefined,
  "no Python with safetensors; FULGURITE_PYTHON names one",
  "the reference implementation reads what is written, and writes what is read",
  async () => {
    const folder = await makeTempDir();
    try {
      const path = joinPath(folder, "ours.safetensors");
      const { brain: _, ...rest } = sample; // NumPy has no bf16
      await writeSafetensors(path, rest, { format: "np" });
      const script = `
import json, sys
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
tensors = load_file(sys.argv[1])
metadata = safe_open(sys.argv[1], "np").metadata()
save_file(tensors, sys.argv[2], metadata)
print(json.dumps({k: [str(v.dtype), list(v.shape), v.tobytes().hex()] for k, v in tensors.items()}))
`;
      const theirs = joinPath(folder, "theirs.safetensors");
      const { code, stdout, stderr } = await runCommand(python!, ["-c", script, path, theirs]);
      assertEquals(code, 0, stderr);
      const names: Record<DType, string> = {
        f32: "float32",
        f16: "float16",
        bf16: "",
        i32: "int32",
        u32: "uint32",
        bool: "bool",
      };
      const want = facts(Object.entries(rest)).map((
        { name, dtype, shape, bytes },
      ) => [name, [names[dtype], shape, bytes]]);
      assertEquals(JSON.parse(stdout), Object.fromEntries(want));
      const back = await readSafetensors(theirs);
      assertEquals(facts(back.tensors).sort(byName), facts(Object.entries(rest)).sort(byName));
      assertEquals([...back.metadata], [["format", "np"]]);
    } finally {
      await remove(folder, { recursive: true });
    }
  },
);

const RECORDED =
  "CAMAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJucCJ9LCJ1NjQiOnsiZHR5cGUiOiJVNjQiLCJzaGFwZSI6WzFdLCJkYXRhX29mZn" +
  "NldHMiOlswLDhdfSwiaTY0Ijp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbOCwyNF19LCJmNjQiOnsiZHR5cGUi" +
  "OiJGNjQiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlsyNCw0MF19LCJmMzIiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzEsMl0sImRhdG" +
  "Ffb2Zmc2V0cyI6WzQwLDQ4XX0sIm5vbmUiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzAsM10sImRhdGFfb2Zmc2V0cyI6WzQ4LDQ4XX0sInUz" +
  "MiI6eyJkdHlwZSI6IlUzMiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzQ4LDUyXX0sImkzMiI6eyJkdHlwZSI6IkkzMiIsInNoYXBlIj" +
  "pbXSwiZGF0YV9vZmZzZXRzIjpbNTIsNTZdfSwiZjE2Ijp7ImR0eXBlIjoiRjE2Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbNTYsNjBd" +
  "fSwidTE2Ijp7ImR0eXBlIjoiVTE2Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbNjAsNjJdfSwiaTE2Ijp7ImR0eXBlIjoiSTE2Iiwic2" +
  "hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbNjIsNjZdfSwiaTgiOnsiZHR5cGUiOiJJOCIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzY2" +
  "LDY4XX0sInU4Ijp7ImR0eXBlIjoiVTgiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOls2OCw3MV19LCJib29sIjp7ImR0eXBlIjoiQk9PTC" +
  "IsInNoYXBlIjpbMiwxXSwiZGF0YV9vZmZzZXRzIjpbNzEsNzNdfX0gIP////8AAAAAAAAAgP////////9/AAAAAAAAAAAAAOA/mpmZmZmZuT8A" +
  "AIA/AAAAwAcAAAD7////ADz/e////f//f4B/AID/AQA=";

Deno.test("a file that is not there is named as what it was to be", async () => {
  const message = "Cannot read the safetensors file: no such file or folder, path is /nonexistent/x.safetensors";
  await assertRejects(() => readSafetensors("/nonexistent/x.safetensors"), Error, message);
});
