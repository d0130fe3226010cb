/** The file of a document (a persisted format, see docs/formats.md). */
import { crc32 } from "node:zlib";
import { ByteReader, MalformedBytes } from "../core/bytes/byte-reader.js";
import { ByteWriter } from "../core/bytes/byte-writer.js";
import type { Document } from "../ports/directory.js";
import { StorageProblem } from "../ports/storage-problem.js";

export interface StoredDocument {
  readonly key: string;
  readonly document: Document;
}

const FORMAT_VERSION = 1;
const MAGIC = Uint8Array.from([0x89, 0x48, 0x46, 0x44, 0x0d, 0x0a, 0x1a, 0x0a]); // \x89 H F D \r \n \x1a \n

export function encodeDocument({ key, document }: StoredDocument): Uint8Array {
  const writer = new ByteWriter(64 + 3 * (key.length + document.token.length) + document.body.length);
  writer.raw(MAGIC);
  writer.u8(FORMAT_VERSION);
  writer.u8(0); // codec: plain
  writer.u8(0); // key id: not encrypted
  writer.u8(0);
  writer.text(key);
  writer.text(document.token);
  writer.block(document.body);
  writer.u32(crc32(writer.view()));
  return writer.take();
}

/** Throws StorageProblem: `document_damaged` or `format_newer`. */
export function decodeDocument(bytes: Uint8Array, path: string): StoredDocument {
  const damaged = (what: string) => new StorageProblem("document_damaged", path, `${path}: damaged: ${what}.`);
  if (bytes.length < MAGIC.length + 8) throw damaged(`it has only ${bytes.length} bytes`);
  const reader = new ByteReader(bytes, 0, bytes.length - 4);
  if (Buffer.compare(reader.raw(MAGIC.length), MAGIC) !== 0) throw damaged("it does not begin like a document");
  const version = reader.u8();
  if (version > FORMAT_VERSION) {
    const what = `${path}: format ${version} is newer than ${FORMAT_VERSION}, the newest that this version reads.`;
    throw new StorageProblem("format_newer", path, what);
  }
  const crc = new ByteReader(bytes, bytes.length - 4).u32();
  if (crc32(bytes.subarray(0, bytes.length - 4)) !== crc) throw damaged("its checksum is wrong");
  const codec = reader.u8();
  const keyId = reader.u8();
  if (version === 0 || codec !== 0 || keyId !== 0) throw damaged("its codec or key is unknown");
  reader.u8();
  try {
    const key = reader.text();
    const token = reader.text();
    const body = reader.block();
    if (reader.remaining !== 0) throw damaged("bytes follow behind the document");
    return { key, document: { token, body } };
  } catch (error) {
    if (error instanceof MalformedBytes) throw damaged(error.message);
    throw error;
  }
}
