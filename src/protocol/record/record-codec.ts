/**
 * Records as bytes: what stands at one position of a log. Persisted: docs/formats.md, "Records".
 *
 * Head: "HFR", format version, codec (0: as it is), key id (0: not encrypted), kind, cluster id (16 bytes), nonce
 * (12 bytes). Then entries until the end, each with its length in front (4 bytes); or, in a seal, the incarnation that wrote it.
 * What the length covers is the entry alone, so that a reader skips what it does not want without decoding it. Version 2 is
 * that of records in which a reference stands for an entry that lies in the snapshot store; all others are of version 1.
 *
 * A value, which is such an object: "HFV", value version, codec, key id, cluster id; then the entry with its length in front.
 */
import { ByteReader, MalformedBytes } from "../../core/bytes/byte-reader.js";
import { ByteWriter } from "../../core/bytes/byte-writer.js";
import { equalBytes } from "../../core/bytes/compare.js";
import type { Entry } from "../../core/log/entry.js";
import type { LogId } from "../../core/log/record.js";
import { type DecodedRecord, NONCE_BYTES, type RecordCodec } from "../../core/log/record-codec.js";
import type { SpilledEntry, ValueReference } from "../../core/log/spilled-value.js";
import { decodeEntry, decodeEntryOrReference, encodeEntry, encodeReference } from "./entry-codec.js";

export const RECORD_FORMAT_VERSION = 2;
export const CLUSTER_ID_BYTES = 16;

const WITHOUT_REFERENCES = 1;
const VALUE_FORMAT_VERSION = 1;
const MAGIC = [0x48, 0x46, 0x52];
const VERSION_AT = MAGIC.length;
const VALUE_MAGIC = [0x48, 0x46, 0x56];
const VALUE_HEAD_BYTES = VALUE_MAGIC.length + 3 + CLUSTER_ID_BYTES;
const PLAIN = 0;
const NO_KEY = 0;
const ENTRIES = 0;
const SEAL = 1;
const LENGTH_BYTES = 4;

export function recordCodec(clusterId: Uint8Array): RecordCodec {
  function writeHead(writer: ByteWriter, kind: number, nonce: Uint8Array): void {
    for (const byte of MAGIC) writer.u8(byte);
    writer.u8(WITHOUT_REFERENCES);
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

    encodeReference(entry: Entry, value: ValueReference, writer: ByteWriter): void {
      writer.setU8(VERSION_AT, RECORD_FORMAT_VERSION);
      const at = writer.length;
      writer.u32(0);
      encodeReference(entry, value, writer);
      writer.setU32(at, writer.length - at - LENGTH_BYTES);
    },

    encodeValue(framed: Uint8Array): Uint8Array {
      const value = new Uint8Array(VALUE_HEAD_BYTES + framed.length);
      value.set([...VALUE_MAGIC, VALUE_FORMAT_VERSION, PLAIN, NO_KEY]);
      value.set(clusterId, VALUE_HEAD_BYTES - CLUSTER_ID_BYTES);
      value.set(framed, VALUE_HEAD_BYTES);
      return value;
    },

    framedIn: (value) => value.subarray(VALUE_HEAD_BYTES),

    decodeValue(value: Uint8Array): Entry {
      const reader = new ByteReader(value);
      for (const byte of VALUE_MAGIC) if (reader.u8() !== byte) throw new MalformedBytes("not a value: it begins otherwise");
      const version = reader.u8();
      if (version !== VALUE_FORMAT_VERSION) throw new MalformedBytes(`a value of format ${version}`);
      if (reader.u8() !== PLAIN || reader.u8() !== NO_KEY) throw new MalformedBytes("a value in a codec that is not known here");
      if (!equalBytes(reader.raw(CLUSTER_ID_BYTES), clusterId)) throw new MalformedBytes("a value of another cluster");
      const length = reader.u32();
      if (length !== reader.remaining) throw new MalformedBytes("a value is not as long as it says");
      const entry = decodeEntry(reader);
      if (reader.remaining > 0) throw new MalformedBytes("an entry is not as long as its value says");
      return entry;
    },

    mayRefer: (body) => body[VERSION_AT] !== WITHOUT_REFERENCES,

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
      const entries: (Entry | SpilledEntry)[] = [];
      while (reader.remaining > 0) {
        const length = reader.u32();
        const end = reader.offset + length;
        if (length > reader.remaining) throw new MalformedBytes("an entry is longer than its record");
        entries.push(decodeEntryOrReference(reader, version > WITHOUT_REFERENCES));
        if (reader.offset !== end) throw new MalformedBytes("an entry is not as long as it says");
      }
      return { kind: "entries", nonce, entries };
    },
  };
}
