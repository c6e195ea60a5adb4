/** The remainders of all bytes, for a polynomial with its bits turned round. */
function table(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? polynomial : 0);
    return rest >>> 0;
  });
}

function checksum(remainders: Uint32Array, bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = (rest >>> 8) ^ remainders[(rest ^ byte) & 0xff];
  return ~rest >>> 0;
}

const CASTAGNOLI = table(0x82f63b78), IEEE = table(0xedb88320);

/** CRC-32C, of TFRecords. */
export function crc32c(bytes: Uint8Array): number {
  return checksum(CASTAGNOLI, bytes);
}

/** CRC-32, of PNG. */
export function crc32(bytes: Uint8Array): number {
  return checksum(IEEE, bytes);
}

/** A CRC-32C as TFRecords hold it: checksums of what holds checksums are weak, so it is turned and shifted. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
}
