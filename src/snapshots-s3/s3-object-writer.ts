/**
 * Writes one object: in one put where it is small, else as a multipart upload whose parts are sent while the rest is
 * still being made. Either becomes visible in one conditional step at the end.
 *
 *     gathering ──part full──> uploading (some parts on their way, one gathering) ──finish──> completed, or aborted
 *         └──────finish──────> put
 */

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { ObjectWriter, WriteOutcome } from "../ports/snapshots.js";
import { Gate } from "./gate.js";
import { PartBuffer } from "./part-buffer.js";
import type { Requested, S3Requests } from "./s3-requests.js";

/** S3 takes 5 MB to 5 GB; an object has 10,000 parts at most, so that it may have 78 GB. */
export const PART_BYTES = 8 * 1024 * 1024;
const PARTS_MAX = 10_000;
/** Of one object; beyond them `write` waits. */
const PARTS_ON_THEIR_WAY_MAX = 3;

interface SentPart {
  readonly PartNumber: number;
  readonly ETag: string;
  readonly ChecksumCRC32: string;
}

export interface ObjectTarget {
  readonly requests: S3Requests;
  readonly bucket: string;
  readonly key: string;
  /** Whether the store still takes writes. */
  readonly isOpen: () => boolean;
}

export class S3ObjectWriter implements ObjectWriter {
  readonly #target: ObjectTarget;
  readonly #gate = new Gate(PARTS_ON_THEIR_WAY_MAX);
  readonly #parts: Promise<SentPart | null>[] = [];
  /** Writes stand in line, whoever awaits them. */
  #last: Promise<void> = Promise.resolve();
  #buffer = new PartBuffer(PART_BYTES);
  #bytes = 0;
  #uploadId: string | null = null;
  #problem: WriteOutcome | null = null;
  #hasEnded = false;

  constructor(target: ObjectTarget) {
    this.#target = target;
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    return (this.#last = this.#last.then(() => this.#take(chunk)));
  }

  async finish(): Promise<WriteOutcome> {
    if (this.#hasEnded) return { kind: "refused", message: "this write has ended" };
    this.#hasEnded = true;
    await this.#last;
    if (!this.#target.isOpen()) this.#problem ??= { kind: "refused", message: "the snapshots are closed" };
    if (this.#uploadId === null) return this.#problem ?? this.#put();
    if (!this.#buffer.isEmpty && this.#problem === null) await this.#sendPart(this.#uploadId);
    const outcome = await this.#complete(this.#uploadId);
    if (outcome.kind !== "happened") await this.#abortUpload(this.#uploadId);
    return outcome;
  }

  async abort(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#last;
    await Promise.all(this.#parts);
    if (this.#uploadId !== null) await this.#abortUpload(this.#uploadId);
  }

  /** Never rejects: trouble shows at `finish`. */
  async #take(chunk: Uint8Array): Promise<void> {
    this.#bytes += chunk.length;
    for (let at = 0; at < chunk.length && this.#problem === null; ) {
      // Sent when more comes: what fits into one part goes in one put.
      if (this.#buffer.isFull) {
        this.#uploadId ??= await this.#begin();
        if (this.#uploadId !== null) await this.#sendPart(this.#uploadId);
      } else {
        at += this.#buffer.add(chunk.subarray(at));
      }
    }
  }

  async #put(): Promise<WriteOutcome> {
    const { requests, bucket, key } = this.#target;
    const { bytes, checksum } = this.#buffer;
    const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ChecksumCRC32: checksum, IfNoneMatch: "*" });
    const plan = { meter: "s3_put", action: "s3:PutObject", isRepeatable: false } as const;
    return outcomeOf(await requests.request(plan, (client) => client.send(command)), key);
  }

  async #begin(): Promise<string | null> {
    const { requests, bucket, key } = this.#target;
    const command = new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ChecksumAlgorithm: "CRC32" });
    // One that was begun and whose answer was lost stays empty, and costs nothing.
    const plan = { meter: "s3_put", action: "s3:PutObject", isRepeatable: true } as const;
    const begun = await requests.request(plan, (client) => client.send(command));
    const uploadId = begun.kind === "answered" ? begun.answer.UploadId : undefined;
    if (uploadId !== undefined) return uploadId;
    this.#problem = begun.kind === "failed" ? notCompleted(begun) : { kind: "refused", message: "S3 gave the upload no id" };
    return null;
  }

  /** Resolves when the part is on its way, and the next may be gathered. */
  async #sendPart(uploadId: string): Promise<void> {
    const part = this.#buffer;
    const number = this.#parts.length + 1;
    if (number > PARTS_MAX) {
      this.#problem = { kind: "refused", message: `the object has more than ${PARTS_MAX} parts of ${PART_BYTES} bytes` };
      return;
    }
    await this.#gate.enter();
    this.#buffer = new PartBuffer(PART_BYTES);
    this.#parts.push(this.#uploadPart(uploadId, number, part).finally(() => this.#gate.leave()));
  }

  async #uploadPart(UploadId: string, PartNumber: number, part: PartBuffer): Promise<SentPart | null> {
    if (this.#problem !== null) return null;
    const { requests, bucket, key } = this.#target;
    const ChecksumCRC32 = part.checksum;
    const command = new UploadPartCommand({
      Bucket: bucket,
      Key: key,
      UploadId,
      PartNumber,
      Body: part.bytes,
      ChecksumCRC32,
    });
    const plan = { meter: "s3_put", action: "s3:PutObject", isRepeatable: true } as const;
    const sent = await requests.request(plan, (client) => client.send(command));
    if (sent.kind === "answered" && sent.answer.ETag !== undefined) {
      return { PartNumber, ETag: sent.answer.ETag, ChecksumCRC32 };
    }
    this.#problem ??= sent.kind === "failed" ? notCompleted(sent) : { kind: "refused", message: "S3 gave a part no ETag" };
    return null;
  }

  async #complete(UploadId: string): Promise<WriteOutcome> {
    const sent = await Promise.all(this.#parts);
    if (this.#problem !== null) return this.#problem;
    const { requests, bucket, key } = this.#target;
    const command = new CompleteMultipartUploadCommand({
      Bucket: bucket,
      Key: key,
      UploadId,
      // With the checksum of each part and the size of the whole, which S3 compares with what it has.
      MultipartUpload: { Parts: sent.filter((part) => part !== null) },
      MpuObjectSize: this.#bytes,
      IfNoneMatch: "*",
    });
    const plan = { meter: "s3_put", action: "s3:PutObject", isRepeatable: false } as const;
    return outcomeOf(await requests.request(plan, (client) => client.send(command)), key);
  }

  /** As well as it goes: the bucket's lifecycle removes what stays (bucket.ts). */
  async #abortUpload(UploadId: string): Promise<void> {
    const { requests, bucket, key } = this.#target;
    const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId });
    const plan = { meter: "s3_delete", action: "s3:AbortMultipartUpload", isRepeatable: true } as const;
    await requests.request(plan, (client) => client.send(command));
  }
}

/** Of a request that makes the object visible. */
function outcomeOf(requested: Requested<unknown>, key: string): WriteOutcome {
  if (requested.kind === "answered") return { kind: "happened" };
  const { failure, error } = requested;
  if (error instanceof Error && error.name === "PreconditionFailed")
    return { kind: "refused", message: `the object ${key} exists` };
  const { message, code } = failure;
  return { kind: failure.kind === "ambiguous" ? "unknown" : "refused", message, code };
}

/** Of a request without which the object cannot become visible: whatever came of it, the object does not. */
function notCompleted({ failure }: Requested<unknown> & { readonly kind: "failed" }): WriteOutcome {
  const { message, code } = failure;
  return { kind: "refused", message, code };
}
