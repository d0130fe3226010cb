/** What the fake holds: buckets with their objects, settings and unfinished uploads. */
import { createHash, randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { S3Error } from "./s3-request.js";

export interface S3Object {
  readonly body: Uint8Array;
  readonly etag: string;
  /** By header, such as `x-amz-checksum-crc32`. */
  readonly checksums: Readonly<Record<string, string>>;
  readonly lastModified: Date;
}

export interface S3Part {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly checksums: Readonly<Record<string, string>>;
}

/** What a completion says of a part. */
export interface NamedPart {
  readonly number: number;
  readonly etag: string;
  /** Null where it names none. */
  readonly crc32: string | null;
}

export interface S3Upload {
  readonly key: string;
  readonly initiated: Date;
  readonly partByNumber: Map<number, S3Part>;
}

export interface S3Bucket {
  readonly objectByKey: Map<string, S3Object>;
  readonly uploadById: Map<string, S3Upload>;
  /** The documents of `?versioning`, `?policy` and their like, as they were put. */
  readonly settingByName: Map<string, Buffer>;
}

/** Of any part but the last. */
const PART_BYTES_MIN = 5 * 1024 * 1024;

export class S3Store {
  readonly #bucketByName = new Map<string, S3Bucket>();

  createBucket(name: string): void {
    if (this.#bucketByName.has(name)) throw new S3Error(409, "BucketAlreadyOwnedByYou", "the bucket is yours already");
    this.#bucketByName.set(name, { objectByKey: new Map(), uploadById: new Map(), settingByName: new Map() });
  }

  bucket(name: string): S3Bucket {
    const bucket = this.#bucketByName.get(name);
    if (bucket === undefined) throw new S3Error(404, "NoSuchBucket", `there is no bucket ${name}`);
    return bucket;
  }

  /** Throws where a condition or a checksum does not hold; then nothing has changed. */
  put(bucket: S3Bucket, key: string, body: Uint8Array, headers: Readonly<Record<string, string>>): S3Object {
    const checksums = verifiedChecksums(body, headers);
    checkCondition(bucket, key, headers);
    return this.#set(bucket, key, { body, etag: etagOf(body), checksums, lastModified: new Date() });
  }

  beginUpload(bucket: S3Bucket, key: string): string {
    const id = randomUUID();
    bucket.uploadById.set(id, { key, initiated: new Date(), partByNumber: new Map() });
    return id;
  }

  upload(bucket: S3Bucket, key: string, id: string): S3Upload {
    const upload = bucket.uploadById.get(id);
    if (upload?.key !== key) throw new S3Error(404, "NoSuchUpload", "there is no such upload");
    return upload;
  }

  completeUpload(
    bucket: S3Bucket,
    id: string,
    upload: S3Upload,
    parts: readonly NamedPart[],
    headers: Readonly<Record<string, string>>,
  ): S3Object {
    let last = 0;
    const bodies = parts.map(({ number, etag, crc32 }, at) => {
      const part = upload.partByNumber.get(number);
      const isSame = part?.etag === etag && (crc32 === null || part.checksums["x-amz-checksum-crc32"] === crc32);
      if (part === undefined || !isSame) throw new S3Error(400, "InvalidPart", `there is no such part ${number}`);
      if (number <= last) throw new S3Error(400, "InvalidPartOrder", "the parts are not in order");
      if (at < parts.length - 1 && part.body.length < PART_BYTES_MIN)
        throw new S3Error(400, "EntityTooSmall", `part ${number} is too small`);
      last = number;
      return part.body;
    });
    if (bodies.length === 0) throw new S3Error(400, "MalformedXML", "no parts");
    const body = Buffer.concat(bodies);
    const size = headers["x-amz-mp-object-size"];
    if (size !== undefined && Number(size) !== body.length)
      throw new S3Error(400, "InvalidRequest", "the parts have another size");
    checkCondition(bucket, upload.key, headers);
    bucket.uploadById.delete(id);
    return this.#set(bucket, upload.key, {
      body,
      etag: etagOf(body, parts.length),
      checksums: {},
      lastModified: new Date(),
    });
  }

  #set(bucket: S3Bucket, key: string, object: S3Object): S3Object {
    bucket.objectByKey.set(key, object);
    return object;
  }
}

/** The checksums that a request gives, each of which its body must have. */
export function verifiedChecksums(body: Uint8Array, headers: Readonly<Record<string, string>>): Record<string, string> {
  const given = Object.entries(headers).filter(([name]) => CHECKSUM_HEADER.test(name));
  for (const [name, value] of given) {
    if (checksumOf(name, body) !== value) throw new S3Error(400, "BadDigest", `${name} is not that of the body`);
  }
  return Object.fromEntries(given);
}

export function etagOf(body: Uint8Array, parts = 0): string {
  const hash = createHash("md5").update(body).digest("hex");
  return `"${hash}${parts === 0 ? "" : `-${parts}`}"`;
}

const CHECKSUM_HEADER = /^x-amz-checksum-(?!type$|mode$|algorithm$)/;

function checksumOf(header: string, body: Uint8Array): string {
  const algorithm = header.slice("x-amz-checksum-".length);
  if (algorithm === "sha1" || algorithm === "sha256") return createHash(algorithm).update(body).digest("base64");
  if (algorithm !== "crc32") throw new S3Error(501, "NotImplemented", `${header} is not computed here`);
  const four = Buffer.alloc(4);
  four.writeUInt32BE(crc32(body));
  return four.toString("base64");
}

/** The fake does one request at a time, so that the condition and the write behind it are one step. */
function checkCondition(bucket: S3Bucket, key: string, headers: Readonly<Record<string, string>>): void {
  const condition = headers["if-none-match"];
  if (condition === undefined) return;
  if (condition !== "*") throw new S3Error(501, "NotImplemented", "If-None-Match takes * alone");
  if (bucket.objectByKey.has(key)) throw new S3Error(412, "PreconditionFailed", "the object exists");
}
