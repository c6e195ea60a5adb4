/**
 * Goes through the metadata of an Arrow file or stream and sees that every list in it fits into the file: the library
 * counts up to whatever a damaged file says. Tables and fields are those of Message.fbs, Schema.fbs and File.fbs;
 * reading behind the end throws by itself.
 *
 * @param bytes The whole file
 * @param isFile Whether it is a file, with a footer, or a stream
 * @throws {RangeError} if a list, a message or a body does not fit
 */
export function checkArrowCounts(bytes: Uint8Array<ArrayBuffer>, isFile: boolean): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.byteLength;
  for (let at = isFile ? 8 : 0; at + 8 <= size;) {
    const marked = view.getUint32(at, true) === 0xffffffff;
    const start = at + (marked ? 8 : 4), length = view.getInt32(start - 4, true);
    if (length === 0) break;
    if (length < 0 || start + length > size) {
      throw new RangeError(`a message of ${length} bytes does not fit in ${size}`);
    }
    const body = checkMessage(view, follow(view, start));
    if (body < 0 || start + length + body > size) {
      throw new RangeError(`a body of ${body} bytes does not fit in ${size}`);
    }
    at = start + length + body;
  }
  if (!isFile) return;
  const footer = size - 10 - view.getInt32(size - 10, true), table = follow(view, footer);
  const schema = field(view, table, 1);
  if (schema !== null) checkSchema(view, follow(view, schema));
  checkList(view, table, 2, 24);
  checkList(view, table, 3, 24);
  checkList(view, table, 4, 4);
}

/** Where an offset that stands at a place leads. */
const follow = (view: DataView, at: number) => at + view.getUint32(at, true);

/** Where a table's field stands, or `null` where it is left out. */
function field(view: DataView, table: number, number: number): number | null {
  const fields = table - view.getInt32(table, true), place = 4 + 2 * number;
  const offset = place < view.getUint16(fields, true) ? view.getUint16(fields + place, true) : 0;
  return offset === 0 ? null : table + offset;
}

/** The elements of a list in a table's field, whose size in bytes is known. */
function checkList(view: DataView, table: number, number: number, width: number): { first: number; count: number } {
  const at = field(view, table, number);
  if (at === null) return { first: 0, count: 0 };
  const list = follow(view, at), count = view.getUint32(list, true);
  if (list + 4 + count * width > view.byteLength) throw new RangeError(`a list of ${count} does not fit in the file`);
  return { first: list + 4, count };
}

/** Returns the bytes of the message's body. */
function checkMessage(view: DataView, message: number): number {
  const kind = field(view, message, 1), header = field(view, message, 2), body = field(view, message, 3);
  if (kind !== null && header !== null) {
    const table = follow(view, header), type = view.getUint8(kind);
    if (type === 1) checkSchema(view, table);
    if (type === 3) checkBatch(view, table);
    const data = type === 2 ? field(view, table, 1) : null;
    if (data !== null) checkBatch(view, follow(view, data));
  }
  return body === null ? 0 : Number(view.getBigInt64(body, true));
}

function checkBatch(view: DataView, batch: number): void {
  checkList(view, batch, 1, 16);
  checkList(view, batch, 2, 16);
  checkList(view, batch, 4, 8);
}

function checkSchema(view: DataView, schema: number): void {
  checkList(view, schema, 2, 4);
  // Each field has a place of its own in the file.
  checkFields(view, schema, 1, { left: view.byteLength / 4 });
}

/** Fields with those inside of them, and what they are annotated with. */
function checkFields(view: DataView, table: number, number: number, most: { left: number }, depth: number = 0): void {
  if (depth > 64) throw new RangeError("types are nested deeper than 64");
  const { first, count } = checkList(view, table, number, 4);
  most.left -= count;
  if (most.left < 0) throw new RangeError("its types have more fields than fit in the file");
  for (let i = 0; i < count; i++) {
    const inside = follow(view, first + 4 * i);
    checkList(view, inside, 6, 4);
    checkFields(view, inside, 5, most, depth + 1);
  }
}
