/**
 * The documents of ownership as bytes. Persisted: docs/formats.md, "Documents".
 *
 * Head: "HFD", format version, codec (0: as it is), key id (0: not encrypted), kind, cluster id; then the fields in order.
 */
import { ByteReader, MalformedBytes } from "../../core/bytes/byte-reader.js";
import { ByteWriter } from "../../core/bytes/byte-writer.js";
import { equalBytes } from "../../core/bytes/compare.js";
import {
  type ClosedRange,
  type ClusterDocument,
  type DocumentCodec,
  type Lineage,
  NewerFormat,
  type NodeDocument,
  type PlanDocument,
  type PreviousManifest,
  type ShardDescriptor,
} from "../../core/ownership/documents.js";
import { decodeSegmentReference, encodeSegmentReference, type SegmentReference } from "../../core/store/segment-reference.js";
import { CLUSTER_ID_BYTES } from "./record-codec.js";

/**
 * Node documents are of version 3: since 2 they say when their owner was last heard of, since 3 where others reach it.
 * Descriptors are of version 2: since then they keep the previous manifest; of version 3 where a split has left something in
 * them. The plan is of version 1, and of version 2 where it asks for splits. The others are of version 1.
 */
export const DOCUMENT_FORMAT_VERSION = 3;
const FIRST_VERSION = 1;
const WITH_PREVIOUS = 2;
const WITH_ADDRESS = 3;
const WITH_LINEAGE = 3;
const WITH_SPLITS = 2;

const MAGIC = [0x48, 0x46, 0x44];
const PLAIN = 0;
const NO_KEY = 0;
const CLUSTER = 1;
const NODE = 2;
const SHARD = 3;
const PLAN = 4;
const STATUSES = ["alive", "dead", "closed"] as const;

export const documentCodec: DocumentCodec = {
  encodeCluster(document: ClusterDocument): Uint8Array {
    const writer = begin(CLUSTER, document.clusterId);
    writer.text(document.name);
    writer.varint(document.shards);
    writer.varint(document.recordFormatFloor);
    return writer.take();
  },

  decodeCluster(body: Uint8Array): ClusterDocument {
    const { reader, clusterId } = open(body, CLUSTER);
    const document = { clusterId, name: reader.text(), shards: reader.varint(), recordFormatFloor: reader.varint() };
    return whole(reader, document);
  },

  encodeNode(document: NodeDocument, clusterId: Uint8Array): Uint8Array {
    const writer = begin(NODE, clusterId);
    writer.text(document.incarnation);
    writer.u8(STATUSES.indexOf(document.status));
    writer.varint(document.counter);
    writer.varint(document.base);
    writer.varint(document.seal ?? 0);
    writer.varint(document.startedAtMs);
    writer.varint(document.heardAtMs);
    writer.text(document.address);
    writer.varint(document.capacity);
    writer.u8(document.isLeaving ? 1 : 0);
    writer.varint(document.recordFormat);
    return writer.take();
  },

  decodeNode(body: Uint8Array, clusterId: Uint8Array): NodeDocument {
    const { reader, version } = openOf(body, NODE, clusterId);
    const incarnation = reader.text();
    const status = STATUSES[reader.u8()];
    if (status === undefined) throw new MalformedBytes("a node of unknown status");
    const counter = reader.varint();
    const base = reader.varint();
    const seal = reader.varint() || null;
    const startedAtMs = reader.varint();
    const heardAtMs = version > FIRST_VERSION ? reader.varint() : startedAtMs;
    const node = { incarnation, status, counter, base, seal, startedAtMs, heardAtMs };
    if (version < WITH_ADDRESS) {
      // A router of that time served alone; all that it wrote is of the format before this one's, or of this.
      return whole(reader, { ...node, address: "", capacity: 1, isLeaving: false, recordFormat: 2 });
    }
    const address = reader.text();
    const capacity = reader.varint();
    const isLeaving = reader.u8() !== 0;
    return whole(reader, { ...node, address, capacity, isLeaving, recordFormat: reader.varint() });
  },

  encodePlan(document: PlanDocument, clusterId: Uint8Array): Uint8Array {
    const { splits = 0 } = document;
    const writer = begin(PLAN, clusterId, splits === 0 ? FIRST_VERSION : WITH_SPLITS);
    writer.varint(document.drained.length);
    for (const address of document.drained) writer.text(address);
    writer.varint(document.placed.length);
    for (const [shard, address] of document.placed) {
      writer.varint(shard);
      writer.text(address);
    }
    if (splits > 0) writer.varint(splits);
    return writer.take();
  },

  decodePlan(body: Uint8Array, clusterId: Uint8Array): PlanDocument {
    const { reader, version } = openOf(body, PLAN, clusterId);
    const drained: string[] = [];
    for (let left = reader.varint(); left > 0; left--) drained.push(reader.text());
    const placed: [number, string][] = [];
    for (let left = reader.varint(); left > 0; left--) placed.push([reader.varint(), reader.text()]);
    return whole(reader, version < WITH_SPLITS ? { drained, placed } : { drained, placed, splits: reader.varint() });
  },

  encodeDescriptor(document: ShardDescriptor, clusterId: Uint8Array): Uint8Array {
    const { lineage } = document;
    const writer = begin(SHARD, clusterId, lineage === undefined ? WITH_PREVIOUS : WITH_LINEAGE);
    writer.varint(document.shard);
    writer.varint(document.epoch);
    writer.text(document.owner ?? "");
    writer.varint(document.covered);
    encodeManifest(writer, document);
    writer.u8(document.previous === null ? 0 : 1);
    if (document.previous !== null) encodeManifest(writer, document.previous);
    if (lineage !== undefined) {
      writer.varint(lineage.parentEpoch ?? 0);
      writer.u8(lineage.isSplit ? 1 : 0);
    }
    return writer.take();
  },

  decodeDescriptor(body: Uint8Array, clusterId: Uint8Array): ShardDescriptor {
    const { reader, version } = openOf(body, SHARD, clusterId);
    const shard = reader.varint();
    const epoch = reader.varint();
    const owner = reader.text() || null;
    const covered = reader.varint();
    const { ranges, segments } = decodeManifest(reader);
    const previous = version >= WITH_PREVIOUS ? decodePrevious(reader) : null;
    const descriptor = { shard, epoch, owner, covered, ranges, segments, previous };
    return whole(reader, version < WITH_LINEAGE ? descriptor : { ...descriptor, lineage: decodeLineage(reader) });
  },
};

function encodeManifest(writer: ByteWriter, { ranges, segments }: PreviousManifest): void {
  writer.varint(ranges.length);
  for (const range of ranges) {
    writer.text(range.log);
    writer.varint(range.epoch);
    writer.varint(range.from);
    writer.varint(range.to);
  }
  writer.varint(segments.length);
  for (const segment of segments) encodeSegmentReference(writer, segment);
}

function decodeManifest(reader: ByteReader): PreviousManifest {
  const ranges: ClosedRange[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    ranges.push({ log: reader.text(), epoch: reader.varint(), from: reader.varint(), to: reader.varint() });
  }
  const segments: SegmentReference[] = [];
  for (let left = reader.varint(); left > 0; left--) segments.push(decodeSegmentReference(reader));
  return { ranges, segments };
}

function decodePrevious(reader: ByteReader): PreviousManifest | null {
  const isThere = reader.u8();
  if (isThere > 1) throw new MalformedBytes("a descriptor whose previous manifest is neither there nor not");
  return isThere === 1 ? decodeManifest(reader) : null;
}

/** No epoch is 0. */
function decodeLineage(reader: ByteReader): Lineage {
  const parentEpoch = reader.varint() || null;
  const isSplit = reader.u8();
  if (isSplit > 1) throw new MalformedBytes("a descriptor that is neither split nor not");
  return { parentEpoch, isSplit: isSplit === 1 };
}

/** Documents that say nothing new are written as before, so that routers of the version before go on reading them. */
function begin(kind: number, clusterId: Uint8Array, version: number = versionOf(kind)): ByteWriter {
  const writer = new ByteWriter(256);
  for (const byte of MAGIC) writer.u8(byte);
  writer.u8(version);
  writer.u8(PLAIN);
  writer.u8(NO_KEY);
  writer.u8(kind);
  writer.raw(clusterId);
  return writer;
}

/** The newest that there is of this kind. */
function versionOf(kind: number): number {
  if (kind === NODE) return WITH_ADDRESS;
  if (kind === SHARD) return WITH_LINEAGE;
  return kind === PLAN ? WITH_SPLITS : FIRST_VERSION;
}

interface OpenDocument {
  readonly reader: ByteReader;
  readonly version: number;
  readonly clusterId: Uint8Array;
}

function open(body: Uint8Array, kind: number): OpenDocument {
  const reader = new ByteReader(body);
  for (const byte of MAGIC) if (reader.u8() !== byte) throw new MalformedBytes("not a document: it begins otherwise");
  const version = reader.u8();
  if (version > DOCUMENT_FORMAT_VERSION) throw new NewerFormat(`a document of format ${version}`);
  if (version === 0) throw new MalformedBytes("not a document: there is no format 0");
  if (reader.u8() !== PLAIN || reader.u8() !== NO_KEY) throw new NewerFormat("a document in a codec that is not known here");
  if (reader.u8() !== kind) throw new MalformedBytes("a document of another kind");
  if (version > versionOf(kind)) throw new NewerFormat(`a document of format ${version}`);
  return { reader, version, clusterId: reader.raw(CLUSTER_ID_BYTES).slice() };
}

function openOf(body: Uint8Array, kind: number, clusterId: Uint8Array): OpenDocument {
  const opened = open(body, kind);
  if (!equalBytes(opened.clusterId, clusterId)) throw new MalformedBytes("a document of another cluster");
  return opened;
}

/** The document, if its bytes end where it does. */
function whole<Document>(reader: ByteReader, document: Document): Document {
  if (reader.remaining > 0) throw new MalformedBytes("a document has more behind its end");
  return document;
}
