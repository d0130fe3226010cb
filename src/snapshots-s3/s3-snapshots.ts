/**
 * The snapshot port on S3, or what speaks its protocol: one object under its own key (object-key.ts), written once by
 * `If-None-Match: *`. A 412 is the answer that the name is taken, a 409 is asked again.
 *
 * Integrity: S3 checks the CRC-32 of everything that is uploaded, and that all parts are there. Ranged reads have no checksum of S3's
 * own: their readers check what they read (blocks and tails of segments, spilled values), end to end.
 *
 * What an upload left unfinished by a crash has sent costs until the bucket's lifecycle removes it (bucket.ts); no reader
 * ever sees it.
 */
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, S3ServiceException } from "@aws-sdk/client-s3";
import type { AwsSettings } from "../aws/client-options.js";
import type { ClockPort } from "../ports/clock.js";
import type { RequestMeter } from "../ports/request-meter.js";
import {
  OBJECT_NAME,
  type ObjectListOutcome,
  type ObjectReadOutcome,
  type ObjectWriter,
  type SnapshotPort,
  type WriteOutcome,
} from "../ports/snapshots.js";
import { keyOfName, keyPrefixOf, nameOfKey } from "./object-key.js";
import { S3ObjectWriter } from "./s3-object-writer.js";
import { type Requested, S3Requests } from "./s3-requests.js";

export interface S3SnapshotOptions {
  readonly bucket: string;
  /** In front of every key: empty, or ends with `/`. */
  readonly prefix: string;
  readonly aws: AwsSettings;
  readonly clock: ClockPort;
  readonly meter: RequestMeter;
}

export class S3Snapshots implements SnapshotPort {
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #requests: S3Requests;
  /** Deletes, finishes and aborts under way. */
  readonly #changes = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor({ bucket, prefix, aws, clock, meter }: S3SnapshotOptions) {
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#requests = new S3Requests(bucket, aws, clock, meter);
  }

  create(name: string): ObjectWriter {
    const key = this.#keyOf(name);
    const writer = new S3ObjectWriter({
      requests: this.#requests,
      bucket: this.#bucket,
      key,
      isOpen: () => !this.#isClosed,
    });
    return {
      write: (chunk) => writer.write(chunk),
      finish: () => this.#track(writer.finish()),
      abort: () => this.#track(writer.abort()),
    };
  }

  async read(name: string, offset: number, length: number): Promise<ObjectReadOutcome> {
    const key = this.#keyOf(name);
    if (this.#isClosed) return { kind: "failed", message: CLOSED };
    // No range is empty: of a length of nothing a byte is read, which also tells whether the object is there.
    const Range = `bytes=${offset}-${offset + Math.max(1, length) - 1}`;
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key, Range });
    const plan = { meter: "s3_get", action: "s3:GetObject", isRepeatable: true } as const;
    const requested = await this.#requests.request(plan, async (client) => {
      const answer = await client.send(command);
      const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0);
      return { range: answer.ContentRange, bytes };
    });
    if (requested.kind === "failed") return notRead(requested);
    const { range, bytes } = requested.answer;
    if (!range?.startsWith(`bytes ${offset}-`) || bytes.length > Math.max(1, length)) {
      return { kind: "failed", message: `asked for ${Range} of ${key}, the server gave ${range ?? "no range"}` };
    }
    return { kind: "found", bytes: length === 0 ? new Uint8Array(0) : bytes };
  }

  async delete(name: string): Promise<WriteOutcome> {
    const command = new DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(name) });
    if (this.#isClosed) return { kind: "refused", message: CLOSED };
    const plan = { meter: "s3_delete", action: "s3:DeleteObject", isRepeatable: true } as const;
    const requested = await this.#track(this.#requests.request(plan, (client) => client.send(command)));
    if (requested.kind === "answered") return { kind: "happened" };
    const { kind, message, code } = requested.failure;
    return { kind: kind === "ambiguous" ? "unknown" : "refused", message, code };
  }

  async list(prefix: string): Promise<ObjectListOutcome> {
    const names: string[] = [];
    const plan = { meter: "s3_list", action: "s3:ListBucket", isRepeatable: true } as const;
    let token: string | undefined;
    do {
      if (this.#isClosed) return { kind: "failed", message: CLOSED };
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: keyPrefixOf(this.#prefix, prefix),
        ContinuationToken: token,
      });
      const requested = await this.#requests.request(plan, (client) => client.send(command));
      if (requested.kind === "failed") return failed(requested);
      for (const { Key } of requested.answer.Contents ?? []) {
        const name = Key === undefined ? null : nameOfKey(this.#prefix, Key);
        if (name?.startsWith(prefix)) names.push(name);
      }
      token = requested.answer.NextContinuationToken;
    } while (token !== undefined);
    return { kind: "listed", names: names.sort() };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#requests.stopRepeating();
    await Promise.all(this.#changes);
    this.#requests.client.destroy();
  }

  #keyOf(name: string): string {
    if (!OBJECT_NAME.test(name)) throw new RangeError(`not a name of an object: ${JSON.stringify(name)}`);
    return keyOfName(this.#prefix, name);
  }

  async #track<T>(change: Promise<T>): Promise<T> {
    this.#changes.add(change);
    try {
      return await change;
    } finally {
      this.#changes.delete(change);
    }
  }
}

const CLOSED = "the snapshots are closed";

/** Absent is what S3 calls NoSuchKey, and nothing else: a missing bucket, or a 404 from something in between, is trouble. */
function notRead(requested: Requested<unknown> & { readonly kind: "failed" }): ObjectReadOutcome {
  const { error } = requested;
  if (error instanceof S3ServiceException) {
    if (error.name === "NoSuchKey") return { kind: "absent" };
    if (error.name === "InvalidRange") return { kind: "found", bytes: new Uint8Array(0) };
  }
  return failed(requested);
}

function failed({ failure }: Requested<unknown> & { readonly kind: "failed" }) {
  const { message, code } = failure;
  return { kind: "failed", message, code } as const;
}
