// Files that NumPy, pandas, PyArrow and Pillow wrote (tests/fixtures/data/make.py), whole and damaged.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileError, makeTempDir, readFile, readText, remove, writeFile } from "../../platform/mod.ts";
import type { HostTensor } from "../../tensor/host.ts";
import { DataError } from "../errors.ts";
import {
  decodeImage,
  fileLines,
  parseArrow,
  parseCsv,
  parseNpy,
  parseNpz,
  parseParquet,
  readArrow,
  readCsv,
  readImage,
  readNpy,
  readNpz,
  readParquet,
  readTextFile,
  type Table,
} from "./mod.ts";
import { readIdx } from "../idx.ts";

const path = (name: string) => new URL(`../../tests/fixtures/data/${name}`, import.meta.url).pathname;
type Numbers = { shape: number[]; values: number[] };
const expected: {
  npz: Record<string, Numbers>;
  table: Record<string, unknown[]>;
  images: Record<string, Numbers>;
} = JSON.parse(await readText(path("expected.json")));

const f32 = (values: Iterable<number>) => [...Float32Array.from(values)];
const numbers = ({ shape, data }: HostTensor) => ({ shape, values: Array.from(data, Number) });

Deno.test("columns of a CSV file may have the names of JavaScript's own properties", () => {
  const table = parseCsv("__proto__,constructor,toString\n1,2,x\n");
  assertEquals([...table.columns].map(([name, column]) => [name, Array.from(column)]), [
    ["__proto__", [1]],
    ["constructor", [2]],
    ["toString", ["x"]],
  ]);
});

Deno.test("NumPy's arrays of every type, byte order and axis order", async () => {
  const read = async (name: string) => await readNpy(path(name));
  assertEquals(numbers(await read("f4.npy")), { shape: [2, 3], values: [0, 0.25, 0.5, 0.75, 1, 1.25] });
  assertEquals(numbers(await read("f8_big_fortran.npy")), { shape: [2, 3], values: [0, 1, 2, 3, 4, 5] });
  assertEquals(numbers(await read("f2.npy")), { shape: [4], values: [0.5, -2, 65504, Infinity] });
  const truth = await read("bool.npy");
  assertEquals([truth.dtype, ...truth.data], ["bool", 1, 0, 0, 1]);
  await assertRejects(
    () => read("scalar_i8.npy"),
    DataError,
    "elements of i8 must fit in i32, element 0 is -1099511627776",
  );
  await assertRejects(() => read("object.npy"), DataError, "its type must be one of f4, f8");
});

Deno.test("NumPy's headers of each version", async () => {
  const [first, header] = [await readFile(path("f4.npy")), 10], text = first.slice(header, 128);
  for (const version of [2, 3]) {
    const size = [text.length, 0, 0, 0]; // four bytes from version 2 on
    const bytes = Uint8Array.of(...first.slice(0, 6), version, 0, ...size, ...text, ...first.slice(128));
    assertEquals(numbers(parseNpy(bytes)), numbers(parseNpy(first)));
  }
  const fourth = Uint8Array.of(...first.slice(0, 6), 4, ...first.slice(7));
  assertThrows(() => parseNpy(fourth), DataError, "its version must be from 1 to 3, is 4");
});

Deno.test("npz files, packed or not", async () => {
  for (const name of ["plain.npz", "packed.npz"]) {
    const arrays = await readNpz(path(name));
    assertEquals(Object.keys(arrays), Object.keys(expected.npz));
    for (const [key, { shape, values }] of Object.entries(expected.npz)) {
      assertEquals(numbers(arrays[key]), { shape, values: f32(values) }, key);
    }
    assertEquals([arrays.x.dtype, arrays.y.dtype, arrays.image.dtype, arrays.half.dtype, arrays.short.dtype], [
      ...["f32", "i32", "u8", "f16", "i32"],
    ]);
  }
  await assertRejects(() => readNpz(path("packed.npz"), { limit: 100 }), DataError, "at most 100 bytes");
});

function holdsTable(table: Table, names: readonly string[]): void {
  for (const name of names) {
    const column = Array.from(table.column(name), (value) => {
      if (value instanceof Uint8Array) return [...value];
      if (typeof value === "number" && Number.isNaN(value)) return null;
      return ArrayBuffer.isView(value) ? [...value as Float32Array] : value;
    });
    assertEquals(column, expected.table[name], name);
  }
}

Deno.test("pandas' CSV, with quotes, line ends in cells, missing numbers and UTF-8", async () => {
  const table = await readCsv(path("table.csv"));
  assertEquals(table.length, 5);
  holdsTable(table, ["name", "ok", "count", "price"]);
  assertEquals([...table.tensor("id", { dtype: "i32" }).data], [0, 1, 2, 3, 4]);
  assertEquals(table.tensor(["count", "price"]).shape, [5, 2]);
});

Deno.test("PyArrow's Parquet in every compression, whole and in part", async () => {
  const names = ["price", "name", "ok", "count", "pixels", "raw", "maybe"];
  for (const codec of ["none", "snappy", "zstd", "gzip", "brotli", "lz4"]) {
    const table = await readParquet(path(`table_${codec}.parquet`));
    holdsTable(table, names);
    assertEquals([...table.tensor("id", { dtype: "i32" }).data], [0, 1, 2, 3, 4]);
    assertEquals(table.tensor("pixels").shape, [5, 3]);
  }
  const part = await readParquet(path("table_zstd.parquet"), { columns: ["count", "name"], rowStart: 1, rowEnd: 4 });
  assertEquals([[...part.columns.keys()], part.length], [["count", "name"], 3]);
  assertEquals(Array.from(part.column("count")), expected.table.count.slice(1, 4));
  await assertRejects(
    () => readParquet(path("table_none.parquet"), { columns: ["colour"] }),
    DataError,
    "columns must be some of id, price, count, name, ok, pixels, raw, maybe, got colour",
  );
  await assertRejects(() => readParquet(path("table_none.parquet"), { limit: 4 }), DataError, "at most 4 rows");
});

Deno.test("PyArrow's files and streams, packed or not", async () => {
  const names = ["price", "name", "ok", "count", "pixels", "raw", "maybe", "word"];
  for (const name of ["table.arrow", "table_lz4.arrow", "table.arrows"]) {
    const table = await readArrow(path(name));
    holdsTable(table, names);
    assertEquals([...table.tensor("id", { dtype: "i32" }).data], [0, 1, 2, 3, 4]);
    assertEquals(table.get(3).word, null);
    assertThrows(() => table.tensor("maybe", { dtype: "i32" }), TypeError, "column maybe, row 1 must have a value");
    assert(Number.isNaN(table.tensor("maybe").data[1]));
    assertThrows(() => table.tensor("name"), TypeError, 'column name, row 0 must be a number, is "plain"');
    assertThrows(() => table.column("colour"), RangeError, "there are id, price");
  }
});

Deno.test("Pillow's images: PNG exactly, JPEG to a unit or two", async () => {
  for (const [name, { shape, values }] of Object.entries(expected.images)) {
    const image = await decodeImage(await readFile(path(name)), { file: name });
    assertEquals([...image.shape], shape, name);
    const off = image.data.map((value, i) => Math.abs(value - values[i]));
    const most = off.reduce((a, b) => Math.max(a, b)), mean = off.reduce((a, b) => a + b, 0) / off.length;
    const [bound, meanBound] = !name.endsWith(".jpg") ? [0, 0] : name === "rgb420.jpg" ? [12, 2.5] : [3, 0.6];
    assert(most <= bound && mean <= meanBound, `${name} is off by ${most}, ${mean} on average`);
  }
  const deep = await decodeImage(await readFile(path("gray16.png")));
  assertEquals([deep.shape.join(), deep.data[1]], ["1,24,32", (8 * 257 - 5) >> 8]);
  const rgb = await decodeImage(await readFile(path("gray.png")), { mode: "rgb" });
  assertEquals(rgb.shape, [3, 24, 32]);
  assertEquals([...rgb.data.slice(0, 768)], [...rgb.data.slice(1536)]);
  const gray = await decodeImage(await readFile(path("rgba.png")), { mode: "gray" });
  assertEquals(gray.shape, [1, 7, 9]);
  const opaque = await decodeImage(await readFile(path("rgb.png")), { mode: "rgba" });
  assert(opaque.data.slice(3 * 768).every((alpha) => alpha === 255));
});

Deno.test("text files, whole and line by line in pieces that cut characters", async () => {
  const folder = await makeTempDir(), file = `${folder}/text.txt`;
  try {
    const lines = ["süß 🍬", "", "two\r", "last"].join("\n");
    await writeFile(file, lines);
    assertEquals(await readTextFile(file), lines);
    for (const chunk of [1, 3, 1000]) {
      assertEquals(await Array.fromAsync(fileLines(file, { chunk })), ["süß 🍬", "", "two", "last"]);
    }
    await writeFile(file, Uint8Array.of(0x61, 0xff, 0x0a));
    await assertRejects(() => readTextFile(file), DataError, "it must be UTF-8");
    await assertRejects(() => Array.fromAsync(fileLines(file)), DataError, "it must be UTF-8");
  } finally {
    await remove(folder, { recursive: true });
  }
});

Deno.test("CSV in its varieties, and what it refuses, by line", () => {
  const rows = (text: string, options = {}) => {
    const table = parseCsv(text, options);
    return Array.from({ length: table.length }, (_, i) => table.get(i));
  };
  assertEquals(rows("a;b\r\n1;x\r\n2;y", { delimiter: ";" }), [{ a: 1, b: "x" }, { a: 2, b: "y" }]);
  assertEquals(rows("1,2\n", { header: false }), [{ 0: 1, 1: 2 }]);
  assertEquals(rows("note\n1,2\n", { header: ["p", "q"], skipLines: 1 }), [{ p: 1, q: 2 }]);
  assertEquals(rows('\ufeffa,b\n"1",\n"",-inf\n'), [{ a: "1", b: NaN }, { a: "", b: -Infinity }]);
  assertEquals(rows("a\n01\n", { types: { a: "string" } }), [{ a: "01" }]);
  assertEquals(rows("a\ntrue\nNA\n"), [{ a: true }, { a: null }]);
  assertEquals(rows(""), []);
  const refused: [string, object, string][] = [
    ['a\n"x\n', {}, "the quote in line 2 must be closed"],
    ["a,b\n1,2\n3\n", {}, "line 3 must have 2 cells, has 1"],
    ['a,b\n"x"y,2\n', {}, 'line 2 has "y"'],
    ["a,a\n", {}, '"a" comes twice'],
    ["a\nx\n", { types: { a: "number" } }, 'column a must hold a number in each row, row 0 has "x"'],
    ["a\n1\n", { types: { b: "number" } }, "types must name its columns a, got b"],
  ];
  for (const [text, options, message] of refused) assertThrows(() => parseCsv(text, options), DataError, message);
});

Deno.test("a file that is not there is told in the words of who asked for it", async () => {
  const lines = async (file: string) => await Array.fromAsync(fileLines(file));
  const readers: [what: string, read: (file: string) => Promise<unknown>][] = [
    ["an Arrow file in readArrow", readArrow],
    ["a CSV file in readCsv", readCsv],
    ["an IDX file in readIdx", readIdx],
    ["an image in readImage", readImage],
    ["lines in fileLines", lines],
    ["a NumPy array in readNpy", readNpy],
    ["NumPy arrays in readNpz", readNpz],
    ["a Parquet file in readParquet", readParquet],
    ["a text file in readTextFile", readTextFile],
  ];
  for (const [what, read] of readers) {
    const { message } = await assertRejects(() => read("absent"), FileError);
    assertEquals(message, `Cannot read ${what}: no such file or folder, path is absent`);
  }
});

Deno.test("damaged files are errors that name the file: cut off anywhere, with any byte changed", async () => {
  const readers: Record<string, (bytes: Uint8Array<ArrayBuffer>) => unknown> = {
    "f4.npy": (bytes) => parseNpy(bytes, "f4.npy"),
    "packed.npz": (bytes) => parseNpz(bytes, { file: "packed.npz" }),
    "table_snappy.parquet": (bytes) => parseParquet(bytes, { file: "table_snappy.parquet" }),
    "table_zstd.parquet": (bytes) => parseParquet(bytes, { file: "table_zstd.parquet" }),
    "table_lz4.arrow": (bytes) => parseArrow(bytes, { file: "table_lz4.arrow" }),
    "table.arrow": (bytes) => parseArrow(bytes, { file: "table.arrow" }),
    "rgb.png": (bytes) => decodeImage(bytes, { file: "rgb.png" }),
    "rgb444.jpg": (bytes) => decodeImage(bytes, { file: "rgb444.jpg" }),
  };
  for (const [name, read] of Object.entries(readers)) {
    const whole = await readFile(path(name));
    const attempt = async (bytes: Uint8Array<ArrayBuffer>, what: string, must: boolean) => {
      const error = await Promise.try(read, bytes).then(() => null, (error: unknown) => error);
      if (error === null) assert(!must, `${name} ${what} was read`);
      else assert(error instanceof DataError && error.message.includes(name), `${name} ${what}: ${error}`);
    };
    for (let i = 0; i < 40; i++) {
      await attempt(
        whole.slice(0, Math.floor(whole.length * i / 40)),
        `cut after ${i}/40`,
        !name.endsWith("jpg") || i < 10,
      );
    }
    await attempt(new Uint8Array(200).fill(65), "of A alone", true);
    for (let i = 0; i < 120; i++) {
      const at = i < 40 ? i : i < 80 ? whole.length - 1 - (i - 40) : Math.floor(whole.length * (i - 80) / 40);
      const bytes = whole.slice();
      bytes[at] ^= 0xff; // some changes are in numbers and names, which no format checks
      await attempt(bytes, `with byte ${at} changed`, false);
    }
  }
  const huge = (await readFile(path("rgb.png"))).slice();
  new DataView(huge.buffer).setUint32(16, 2 ** 31 - 1);
  await assertRejects(() => decodeImage(huge), DataError, "at most 67108864 pixels, it says 2147483647 × 24");
});

Deno.test("counts that an Arrow file's footer makes up are found before anything counts up to them", async () => {
  const whole = await readFile(path("table_lz4.arrow"));
  const footer = new DataView(whole.buffer).getInt32(whole.length - 10, true);
  for (let at = whole.length - 10 - footer; at < whole.length - 10; at += 4) {
    const bytes = whole.slice();
    new DataView(bytes.buffer).setUint32(at, 0x00ffffff, true);
    const start = performance.now();
    await parseArrow(bytes).catch((error) => assert(error instanceof DataError, `at ${at}: ${error}`));
    assert(performance.now() - start < 2000, `at ${at}: it took ${performance.now() - start} ms`);
  }
});
