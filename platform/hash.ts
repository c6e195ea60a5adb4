/**
 * Check sums.
 *
 * @module
 */

/**
 * The SHA-256 of some bytes (FIPS 180-4).
 *
 * @param bytes The bytes
 * @returns 64 lower-case hexadecimal digits
 *
 * @example Sum nothing
 * ```ts
 * import { sha256 } from "./mod.ts";
 *
 * console.assert((await sha256(new Uint8Array())).startsWith("e3b0c44298fc1c14"));
 * ```
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const own = bytes.buffer instanceof ArrayBuffer ? bytes as Uint8Array<ArrayBuffer> : bytes.slice();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", own as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
