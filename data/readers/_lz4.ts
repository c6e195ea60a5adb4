/**
 * LZ4 frames, which Arrow's files are packed in by default (the formats' descriptions: lz4_Frame_format.md 1.6.4 and
 * lz4_Block_format.md). Check sums are passed over; sizes are checked.
 *
 * @param input One frame
 * @returns What it holds
 * @throws {RangeError} if it is no such frame, or is damaged
 */
export function decodeLz4Frame(input: Uint8Array): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const check = (holds: boolean, rule: string) => {
    if (!holds) throw new RangeError(`Cannot decompress LZ4: ${rule}`);
  };
  check(input.length >= 7 && view.getUint32(0, true) === 0x184d2204, "it must begin with the mark of a frame");
  const flags = input[4];
  check(flags >> 6 === 1, `its version must be 1, is ${flags >> 6}`);
  const hasBlockSums = (flags & 16) !== 0, hasSize = (flags & 8) !== 0;
  check((flags & 1) === 0, "it must have no dictionary");
  const most = [0, 0, 0, 0, 2 ** 16, 2 ** 18, 2 ** 20, 2 ** 22][(input[5] >> 4) & 7];
  check(most > 0, "its blocks must be of a known size");
  let at = 6 + (hasSize ? 8 : 0) + 1;
  const output = new Output(hasSize ? Math.min(Number(view.getBigUint64(6, true)), 2 ** 26) : 2 ** 16);
  for (;;) {
    check(at + 4 <= input.length, "it is cut off");
    const word = view.getUint32(at, true), size = word & 0x7fffffff;
    at += 4;
    if (word === 0) return output.bytes();
    check(at + size <= input.length && size <= most, "a block is cut off");
    const block = input.subarray(at, at + size);
    if (word >>> 31 === 1) output.append(block);
    else decodeBlock(block, output, most, check);
    at += size + (hasBlockSums ? 4 : 0);
  }
}

/** Bytes that grow. */
class Output {
  #bytes: Uint8Array;
  length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  append(part: Uint8Array): void {
    this.#grow(part.length);
    this.#bytes.set(part, this.length);
    this.length += part.length;
  }

  /** Repeats what was written `distance` bytes ago; it may reach into what it writes. */
  repeat(distance: number, count: number): void {
    this.#grow(count);
    const bytes = this.#bytes;
    const end = this.length + count;
    for (; this.length < end; this.length++) bytes[this.length] = bytes[this.length - distance];
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  #grow(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.length + more));
    grown.set(this.bytes());
    this.#bytes = grown;
  }
}

/** One block: runs of literals, each but the last followed by a repetition. */
function decodeBlock(
  block: Uint8Array,
  output: Output,
  most: number,
  check: (holds: boolean, rule: string) => void,
): void {
  const start = output.length;
  let at = 0;
  const length = (nibble: number) => {
    let total = nibble;
    if (nibble < 15) return total;
    for (let byte = 255; byte === 255;) {
      check(at < block.length, "a length is cut off");
      byte = block[at++];
      total += byte;
    }
    return total;
  };
  while (at < block.length) {
    const token = block[at++], literals = length(token >> 4);
    check(at + literals <= block.length, "literals are cut off");
    output.append(block.subarray(at, at + literals));
    at += literals;
    if (at === block.length) break;
    check(at + 2 <= block.length, "a distance is cut off");
    const distance = block[at] | (block[at + 1] << 8);
    at += 2;
    check(distance > 0 && distance <= output.length, "a distance reaches before the start");
    const count = length(token & 15) + 4;
    check(output.length - start + count <= most, "a block holds more than it may");
    output.repeat(distance, count);
  }
}
