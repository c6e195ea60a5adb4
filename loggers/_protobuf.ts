/**
 * A writer of protocol buffers: each method appends one field and returns the message.
 *
 * See https://protobuf.dev/programming-guides/encoding.
 */
export class Message {
  readonly #bytes: number[] = [];

  /** A whole number, also a negative one, as int64 has it. */
  integer(field: number, value: number | bigint): this {
    this.#varint(field << 3);
    this.#varint(BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  /** A truth value. */
  bool(field: number, value: boolean): this {
    return this.integer(field, value ? 1 : 0);
  }

  /** 64 bits. */
  double(field: number, value: number): this {
    this.#varint((field << 3) | 1);
    this.#append(new Uint8Array(Float64Array.of(value).buffer));
    return this;
  }

  /** 32 bits. */
  float(field: number, value: number): this {
    this.#varint((field << 3) | 5);
    this.#append(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  /** Bytes, a text, or another message. */
  bytes(field: number, value: Uint8Array | string | Message): this {
    const bytes = value instanceof Message
      ? value.encode()
      : typeof value === "string"
      ? new TextEncoder().encode(value)
      : value;
    this.#varint((field << 3) | 2);
    this.#varint(bytes.length);
    this.#append(bytes);
    return this;
  }

  /** Packed doubles. */
  doubles(field: number, values: ArrayLike<number>): this {
    return this.bytes(field, new Uint8Array(Float64Array.from(values).buffer));
  }

  /** The message. */
  encode(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }

  #varint(value: number | bigint): void {
    let rest = BigInt(value);
    for (; rest > 127n; rest >>= 7n) this.#bytes.push(Number(rest & 127n) | 128);
    this.#bytes.push(Number(rest));
  }

  #append(bytes: Uint8Array): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }
}
