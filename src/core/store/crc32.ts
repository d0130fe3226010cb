/** CRC-32 (ISO 3309, as in zlib) in plain TypeScript: for tests and hosts without a native one. */

/** The checksum of `bytes`; `seed` continues from the checksum of what came before. `zlib.crc32` has this shape. */
export type Checksum = (bytes: Uint8Array, seed?: number) => number;

const TABLE = buildTable();

export function crc32(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (let at = 0; at < bytes.length; at++) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

function buildTable(): Int32Array {
  const table = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    table[byte] = crc;
  }
  return table;
}
