/**
 * The first message of each direction: who speaks, which versions, of which cluster. Wire format: docs/formats.md, "Peer links".
 *
 * It is read before a version is agreed on, so its form is for ever; what a later version adds stands behind, and is passed over.
 */
import { ByteReader, MalformedBytes } from "../core/bytes/byte-reader.js";
import { ByteWriter } from "../core/bytes/byte-writer.js";

export interface Hello {
  readonly oldestVersion: number;
  readonly newestVersion: number;
  readonly cluster: string;
  /** Where the speaker is reached. */
  readonly address: string;
  /** 32 hex digits, drawn at random at each start: a process that was replaced at its address has another. */
  readonly session: string;
  /** Counts the hellos of the session. One with a lower number than a link's own is older than the link. */
  readonly number: number;
}

export const OLDEST_VERSION = 1;
export const NEWEST_VERSION = 1;
export const SESSION_BYTES = 16;

const MAGIC = [0x48, 0x46, 0x50];
/** `host:port`, the host perhaps in brackets. */
const ADDRESS = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})$/;
const PORT_MAX = 65_535;
const CLUSTER_CHARACTERS_MAX = 256;
const SESSION = /^[0-9a-f]{32}$/;

export function encodeHello(hello: Hello): Buffer {
  const writer = new ByteWriter(256);
  for (const byte of MAGIC) writer.u8(byte);
  writer.varint(hello.oldestVersion);
  writer.varint(hello.newestVersion);
  writer.text(hello.cluster);
  writer.text(hello.address);
  writer.text(hello.session);
  writer.varint(hello.number);
  return Buffer.from(writer.take());
}

/** Throws `MalformedBytes`. */
export function decodeHello(message: Uint8Array): Hello {
  const reader = new ByteReader(message);
  for (const byte of MAGIC) if (reader.u8() !== byte) throw new MalformedBytes("no hello of a Holdfast router");
  const hello = {
    oldestVersion: reader.varint(),
    newestVersion: reader.varint(),
    cluster: reader.text(),
    address: reader.text(),
    session: reader.text(),
    number: reader.varint(),
  };
  if (hello.cluster.length > CLUSTER_CHARACTERS_MAX) throw new MalformedBytes("a cluster's name that is too long");
  if (!SESSION.test(hello.session)) throw new MalformedBytes("a session that is none");
  if (!isPeerAddress(hello.address)) throw new MalformedBytes("an address that is none");
  return hello;
}

/** Why the speaker of this hello and this node of `cluster` have nothing to say to each other, or null. */
export function helloProblem(hello: Hello, cluster: string): string | null {
  if (hello.oldestVersion > NEWEST_VERSION || hello.newestVersion < OLDEST_VERSION) {
    const theirs = `${hello.oldestVersion} to ${hello.newestVersion}`;
    return `peer link versions ${theirs} are spoken there, ${OLDEST_VERSION} to ${NEWEST_VERSION} here: update the older router`;
  }
  if (hello.cluster !== cluster) {
    return `it belongs to cluster ${JSON.stringify(hello.cluster)}, this node to ${JSON.stringify(cluster)}`;
  }
  return null;
}

/** An address goes into a name that is dialled, and into the log: nothing else may. */
export function isPeerAddress(address: string): boolean {
  const port = Number(ADDRESS.exec(address)?.[1] ?? 0);
  return port > 0 && port <= PORT_MAX;
}
