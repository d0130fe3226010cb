/**
 * Records as bytes: what stands at one position of a log. Persisted: docs/formats.md, "Records".
 *
 * Head: "HFR", format version, codec (0: as it is), key id (0: not encrypted), kind, cluster id (16 bytes), nonce
 * (12 bytes). Then entries until the end, each with its length in front (4 bytes); or, in a seal, the incarnation that wrote it.
 * What the length covers is the entry alone, so that a reader skips what it does not want without decoding it.
 */
import { ByteReader, MalformedBytes } from "../../core/bytes/byte-reader.js";
import { ByteWriter } from "../../core/bytes/byte-writer.js";
import { equalBytes } from "../../core/bytes/compare.js";
import type { Entry } from "../../core/log/entry.js";
import type { LogId } from "../../core/log/record.js";
import { type DecodedRecord, NONCE_BYTES, type RecordCodec } from "../../core/log/record-codec.js";
import { decodeEntry, encodeEntry } from "./entry-codec.js";

export const RECORD_FORMAT_VERSION = 1;
export const CLUSTER_ID_BYTES = 16;

const MAGIC = [0x48, 0x46, 0x52];
const PLAIN = 0;
const NO_KEY = 0;
const ENTRIES = 0;
const SEAL = 1;
const LENGTH_BYTES = 4;

export function recordCodec(clusterId: Uint8Array): RecordCodec {
  function writeHead(writer: ByteWriter, kind: number, nonce: Uint8Array): void {
    for (const byte of MAGIC) writer.u8(byte);
    writer.u8(RECORD_FORMAT_VERSION);
    writer.u8(PLAIN);
    writer.u8(NO_KEY);
    writer.u8(kind);
    writer.raw(clusterId);
    writer.raw(nonce);
  }

  return {
    beginRecord: (writer, nonce) => writeHead(writer, ENTRIES, nonce),

    encodeEntry(entry: Entry, writer: ByteWriter): void {
      const at = writer.length;
      writer.u32(0);
      encodeEntry(entry, writer);
      writer.setU32(at, writer.length - at - LENGTH_BYTES);
    },

    encodeSeal(by: LogId, nonce: Uint8Array): Uint8Array {
      const writer = new ByteWriter(128);
      writeHead(writer, SEAL, nonce);
      writer.text(by);
      return writer.take();
    },

    decode(body: Uint8Array): DecodedRecord {
      const reader = new ByteReader(body);
      for (const byte of MAGIC) if (reader.u8() !== byte) throw new MalformedBytes("not a record: it begins otherwise");
      const version = reader.u8();
      if (version > RECORD_FORMAT_VERSION) return { kind: "newer", version };
      if (version === 0) throw new MalformedBytes("not a record: there is no format 0");
      const codec = reader.u8();
      const keyId = reader.u8();
      if (codec !== PLAIN || keyId !== NO_KEY) return { kind: "newer", version };
      const kind = reader.u8();
      if (!equalBytes(reader.raw(CLUSTER_ID_BYTES), clusterId)) throw new MalformedBytes("a record of another cluster");
      const nonce = reader.raw(NONCE_BYTES).slice();
      if (kind === SEAL) {
        const by = reader.text();
        if (reader.remaining > 0) throw new MalformedBytes("a seal has more behind its end");
        return { kind: "seal", nonce, by };
      }
      if (kind !== ENTRIES) throw new MalformedBytes(`a record of unknown kind ${kind}`);
      const entries: Entry[] = [];
      while (reader.remaining > 0) {
        const length = reader.u32();
        const end = reader.offset + length;
        if (length > reader.remaining) throw new MalformedBytes("an entry is longer than its record");
        entries.push(decodeEntry(reader));
        if (reader.offset !== end) throw new MalformedBytes("an entry is not as long as it says");
      }
      return { kind: "entries", nonce, entries };
    },
  };
}
