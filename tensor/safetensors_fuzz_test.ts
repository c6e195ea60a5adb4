import { assert, assertEquals } from "@std/assert";
import type { DType } from "./dtype.ts";
import { f32ToBf16 } from "./half.ts";
import type { HostTensor } from "./host.ts";
import { PhiloxStream } from "./philox.ts";
import { encodeSafetensors, parseSafetensors, type SafetensorsContent, SafetensorsError } from "./safetensors.ts";

/**
 * Feeds a parser with broken files and notes what it does wrong. What is right is decided by {@link verdict}, which
 * shares no code with the parser. The harness itself is tried on parsers that are wrong on purpose.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const WIDTHS: Record<string, number> = {
  ...{
    F64: 64,
    F32: 32,
    F16: 16,
    BF16: 16,
    I64: 64,
    I32: 32,
    I16: 16,
    I8: 8,
    U64: 64,
    U32: 32,
    U16: 16,
    U8: 8,
    BOOL: 8,
  },
  ...{ C64: 64, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8, F6_E2M3: 6, F6_E3M2: 6, F4: 4 },
};

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** Whether a file keeps the format's rules, by `JSON.parse`, regular expressions and a map of the bytes. */
function verdict(file: Uint8Array): "valid" | "broken" | "unreadable" {
  if (file.length < 8) return "broken";
  const claimed = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (claimed > 100_000_000n || claimed > BigInt(file.length - 8)) return "broken";
  const length = Number(claimed);
  let text: string;
  let root: unknown;
  try {
    text = decoder.decode(file.subarray(8, 8 + length));
    root = JSON.parse(text);
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return "broken";
    throw error;
  }
  if (text[0] !== "{") return "broken";
  let keys = 0;
  for (const [, string, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*(:)?/g)) {
    if (!(JSON.parse(string) as string).isWellFormed()) return "broken";
    if (colon) keys++;
  }
  if (keys !== countKeys(root)) return "broken"; // JSON.parse kept one of two
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  for (const [number] of bare.matchAll(/-?\d[\d.eE+-]*/g)) if (!/^\d{1,16}$/.test(number)) return "broken";

  const data = file.subarray(8 + length);
  const covered = new Uint8Array(data.length);
  const empty: number[] = [];
  let unreadable = false;
  for (const [name, value] of Object.entries(root as object)) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "broken";
    if (name === "__metadata__") {
      if (Object.values(value).some((item) => typeof item !== "string")) return "broken";
      continue;
    }
    const { dtype, shape, data_offsets: range } = value as Partial<Entry>;
    const whole = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((n) => Number.isSafeInteger(n));
    if (typeof dtype !== "string" || !Object.hasOwn(WIDTHS, dtype) || !whole(shape) || !whole(range)) return "broken";
    if (range.length !== 2) return "broken";
    const [begin, end] = range;
    let numel = 1n;
    for (const size of shape) {
      numel *= BigInt(size);
      if (numel >= 2n ** 50n) return "broken";
    }
    if (begin > end || end > data.length || numel * BigInt(WIDTHS[dtype]) !== 8n * BigInt(end - begin)) return "broken";
    if (begin === end) empty.push(begin);
    for (let i = begin; i < end; i++) if (covered[i]++ > 0) return "broken";
    unreadable ||= !canRead(dtype, data.slice(begin, end));
  }
  if (covered.includes(0)) return "broken";
  // An empty tensor must stand between two others, or at an end: never inside one.
  for (const [name, value] of Object.entries(root as Record<string, Entry>)) {
    if (name === "__metadata__") continue;
    const [begin, end] = value.data_offsets;
    if (empty.some((at) => begin < at && at < end)) return "broken";
  }
  return unreadable ? "unreadable" : "valid";
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return own + Object.values(value).reduce((sum: number, item) => sum + countKeys(item), 0);
}

function canRead(dtype: string, bytes: Uint8Array<ArrayBuffer>): boolean {
  if (dtype === "BOOL") return bytes.every((byte) => byte < 2);
  if (dtype === "I64") return new BigInt64Array(bytes.buffer).every((n) => n >= -(2n ** 31n) && n < 2n ** 31n);
  if (dtype === "U64") return new BigUint64Array(bytes.buffer).every((n) => n < 2n ** 32n);
  if (dtype === "F64") {
    return new Float64Array(bytes.buffer).every((x) => !Number.isFinite(x) || Number.isFinite(Math.fround(x)));
  }
  return !/^(C64|F8|F6|F4)/.test(dtype);
}

const seeds: Uint8Array<ArrayBuffer>[] = (() => {
  const tensors: [string, HostTensor<DType>][] = [
    ["conv1.weight", { dtype: "f32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ["conv1.bias", { dtype: "bf16", shape: [3], data: f32ToBf16([1, 2, 3]) }],
    ["mask", { dtype: "bool", shape: [2, 2], data: Uint8Array.of(1, 0, 0, 1) }],
    ["steps", { dtype: "i32", shape: [], data: Int32Array.of(7) }],
    ["none", { dtype: "u32", shape: [0, 5], data: new Uint32Array(0) }],
    ['naïve "name"', { dtype: "f32", shape: [1], data: Float32Array.of(0.5) }],
  ];
  return [
    encodeSafetensors(new Map(tensors), { format: "pt", note: "a" }),
    encodeSafetensors(new Map(tensors.slice(0, 2))),
    encodeSafetensors({}),
  ];
})();

const NUMBERS = [
  "0",
  "1",
  "-1",
  "2",
  "4",
  "255",
  "1e9",
  "1.5",
  "-0",
  "007",
  "4294967296",
  "9007199254740991",
  "9007199254740992",
];
const MORE_NUMBERS = [
  "18446744073709551615",
  "1" + "0".repeat(400),
  "null",
  "true",
  '"1"',
  "[]",
  "{}",
  "NaN",
  "Infinity",
  "0x10",
];
const PIECES = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\\u0000",
  "\\ud800",
  "\u0000",
  "\n",
  " ",
  "__proto__",
  "__metadata__",
];
const DTYPES = [...Object.keys(WIDTHS), "F31", "f32", "", "constructor", "__proto__"];

/** One broken file; most break in one place, some in several. */
function mutate(random: PhiloxStream): Uint8Array<ArrayBuffer> {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  let file = pick(seeds).slice();
  const changes = 1 + random.below(3);
  for (let i = 0; i < changes; i++) {
    if (file.length < 9) return file;
    const claimed = Number(new DataView(file.buffer).getBigUint64(0, true));
    const length = Math.min(claimed, file.length - 8);
    const json = new TextDecoder().decode(file.subarray(8, 8 + length));
    const data = file.slice(8 + length);
    const withJson = (changed: string, keepLength = false) => {
      const bytes = encoder.encode(changed);
      const out = new Uint8Array(8 + bytes.length + data.length);
      new DataView(out.buffer).setBigUint64(0, BigInt(keepLength ? claimed : bytes.length), true);
      out.set(bytes, 8);
      out.set(data, 8 + bytes.length);
      return out;
    };
    /** Replaces one of the places that a pattern finds. */
    const swap = (pattern: RegExp, by: () => string) => {
      const places = [...json.matchAll(pattern)];
      if (places.length === 0) return file;
      const place = pick(places);
      return withJson(json.slice(0, place.index) + by() + json.slice(place.index + place[0].length));
    };
    switch (random.below(16)) {
      case 0: // a flipped bit, anywhere
        file[random.below(file.length)] ^= 1 << random.below(8);
        break;
      case 1: // cut short
        file = file.slice(0, random.below(file.length));
        break;
      case 2: // bytes after the end
        file = Uint8Array.from([...file, ...Array.from({ length: 1 + random.below(9) }, () => random.below(256))]);
        break;
      case 3: // another header length
        new DataView(file.buffer).setBigUint64(
          0,
          pick([
            0n,
            1n,
            7n,
            BigInt(file.length - 8),
            BigInt(file.length),
            99_999_999n,
            100_000_000n,
            2n ** 32n,
            2n ** 53n,
            2n ** 63n,
            2n ** 64n - 1n,
          ]),
          true,
        );
        break;
      case 4: // a byte of the header
        if (length > 0) file[8 + random.below(length)] = random.below(256);
        break;
      case 5: // noise in the header
        for (let k = 0; k < 8 && length > 0; k++) file[8 + random.below(length)] = random.below(256);
        break;
      case 6:
      case 7: // another number
        file = swap(/\d+/g, () => pick(random.below(2) ? NUMBERS : MORE_NUMBERS));
        break;
      case 8: // another type
        file = swap(/"(F32|BF16|BOOL|I32|U32)"/g, () => JSON.stringify(pick(DTYPES)));
        break;
      case 9: // a member once more, at the end
        file = swap(/\}\s*$/g, () => `,${/"[^"]+":\{[^}]*\}/.exec(json)?.[0] ?? '"a":1'}}`);
        break;
      case 10: // a member less
        file = swap(/"[^"]+":\{[^}]*\},/g, () => "");
        break;
      case 11: // a piece of syntax somewhere
        file = swap(/[[\]{}:,"]/g, () => pick(PIECES));
        break;
      case 12: { // a piece of syntax in between
        const at = random.below(json.length + 1);
        file = withJson(json.slice(0, at) + pick(PIECES).repeat(1 + random.below(3)) + json.slice(at));
        break;
      }
      case 13: // deep or long
        file = swap(
          /\[[\d,]*\]/g,
          () =>
            pick([
              "[".repeat(40_000),
              `[${"[],".repeat(9999)}[]]`,
              `[${new Array(5000).fill(1)}]`,
              '{"a":'.repeat(5000),
            ]),
        );
        break;
      case 14: // two ranges exchanged or shifted
        file = swap(/"data_offsets":\[\d+,\d+\]/g, () => `"data_offsets":[${random.below(40)},${random.below(60)}]`);
        break;
      case 15: // metadata of another kind
        file = swap(
          /^\{/g,
          () => `{"__metadata__":${pick(["1", "[]", "null", '{"a":1}', '{"a":{}}', '"x"', '{"a":"b"}'])},`,
        );
        break;
    }
  }
  return file;
}

interface Report {
  broken: number;
  valid: number;
  wrong: string[];
}

/** Tries a parser on many files. `wrong` tells each file that was judged wrongly, or failed in a wrong way. */
function fuzz(parse: (bytes: Uint8Array) => SafetensorsContent, files: number): Report {
  const random = new PhiloxStream(2024, 1);
  const report: Report = { broken: 0, valid: 0, wrong: [] };
  for (let i = 0; i < files; i++) {
    const file = mutate(random);
    const expected = verdict(file);
    const before = file.slice();
    const started = performance.now();
    let outcome: SafetensorsContent | unknown;
    let threw = false;
    try {
      outcome = parse(file);
    } catch (error) {
      threw = true;
      outcome = error;
    }
    const took = performance.now() - started;
    if (took > 500) report.wrong.push(`file ${i}: took ${took} ms for ${file.length} bytes`);
    if (file.some((byte, at) => byte !== before[at])) report.wrong.push(`file ${i}: was written to`);
    if (expected === "valid") report.valid++;
    else report.broken++;
    if (threw) {
      const limit = outcome instanceof SafetensorsError && outcome.rule === "limit"; // ours alone
      if (!(outcome instanceof SafetensorsError)) report.wrong.push(`file ${i}: ${outcome}`);
      else if (expected === "valid" && !limit) report.wrong.push(`file ${i}: is valid, but ${outcome.message}`);
      else if (outcome.message.length > 1000) {
        report.wrong.push(`file ${i}: a message of ${outcome.message.length} characters`);
      }
    } else if (expected !== "valid") report.wrong.push(`file ${i}: is ${expected} and was let through`);
  }
  return report;
}

Deno.test("of 6,000 mutated files every broken one is a typed error, in bounded time and memory", () => {
  const before = Deno.memoryUsage();
  const { broken, valid, wrong } = fuzz(parseSafetensors, 6000);
  const after = Deno.memoryUsage();
  assertEquals(wrong, []);
  assert(broken >= 4000, `${broken} broken files`);
  assert(valid >= 50, `${valid} valid files`);
  const grown = (after.heapUsed + after.external - before.heapUsed - before.external) / 2 ** 20;
  assert(grown < 256, `${grown} MiB more`);
});

Deno.test("files of random bytes and cuts at every length are typed errors", () => {
  const random = new PhiloxStream(2024, 2);
  const fails = (bytes: Uint8Array) => {
    try {
      parseSafetensors(bytes);
    } catch (error) {
      return error instanceof SafetensorsError;
    }
    return false;
  };
  for (let i = 0; i < 500; i++) {
    const bytes = Uint8Array.from({ length: random.below(200) }, () => random.below(256));
    assert(fails(bytes), `random file ${i}`);
    if (bytes.length > 8) { // once more with a plausible header length
      new DataView(bytes.buffer).setBigUint64(0, BigInt(random.below(bytes.length - 8)), true);
      assert(fails(bytes), `random file ${i} with a header`);
    }
  }
  for (let cut = 0; cut < seeds[0].length; cut++) assert(fails(seeds[0].subarray(0, cut)), `cut at ${cut}`);
});

Deno.test("a header near the limit is read in time that grows with its length", () => {
  const names = Array.from(
    { length: 60_000 },
    (_, i) => `"layers.${i}.weight":{"dtype":"F32","shape":[0,8],"data_offsets":[0,0]}`,
  );
  const json = encoder.encode(`{${names.join(",")}}`);
  const file = new Uint8Array(8 + json.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  const started = performance.now();
  assertEquals(parseSafetensors(file).tensors.size, 60_000);
  assert(performance.now() - started < 5000);
});

Deno.test("the harness finds parsers that are wrong on purpose", () => {
  const empty = (): SafetensorsContent => ({ tensors: new Map(), metadata: new Map() });
  const headerOf = (bytes: Uint8Array) => {
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    return JSON.parse(decoder.decode(bytes.subarray(8, 8 + length)));
  };
  const wrongly: Record<string, (bytes: Uint8Array) => SafetensorsContent> = {
    "takes everything": empty,
    "takes nothing": () => {
      throw new SafetensorsError("f", "json", "Cannot read");
    },
    "throws what JSON.parse throws": (bytes) => {
      headerOf(bytes);
      return empty();
    },
    "lets bytes follow the tensors": (bytes) => {
      try {
        return parseSafetensors(bytes);
      } catch (error) {
        if (error instanceof SafetensorsError && error.rule === "tiling") return empty();
        throw error;
      }
    },
    "lets keys appear twice": (bytes) => {
      try {
        return parseSafetensors(bytes);
      } catch (error) {
        if (error instanceof SafetensorsError && error.rule === "duplicate-key") return empty();
        throw error;
      }
    },
    "lets bools be 2": (bytes) => {
      try {
        return parseSafetensors(bytes);
      } catch (error) {
        if (error instanceof SafetensorsError && error.rule === "value") return empty();
        throw error;
      }
    },
    "writes to the file": (bytes) => {
      if (bytes.length > 0) bytes[0] ^= 1;
      return parseSafetensors(bytes);
    },
  };
  for (const [what, parse] of Object.entries(wrongly)) {
    assert(fuzz(parse, 3000).wrong.length > 0, `a parser that ${what} went unnoticed`);
  }
});
