/**
 * What Holdfast relies on in an S3 server, as 17 checks with Amazon's own client. A server that tests run against must
 * pass all of them: ours (s3-fake/) and the foreign one (servers/s3.ts) do. Run one against any other with
 * `npm run test:aws` and AWS_ENDPOINT_URL.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";

export interface S3UnderTest {
  readonly endpoint: string;
  readonly dispose: () => Promise<void>;
}

/** S3 takes no smaller part but the last. */
const PART_BYTES = 5 * 1024 * 1024;

export function s3Probe(name: string, start: () => Promise<S3UnderTest>): void {
  describe(`S3 probe: ${name}`, () => {
    let subject: S3UnderTest;
    let s3: Probe;
    before(async () => {
      subject = await start();
      s3 = new Probe(subject.endpoint);
      await s3.client.send(new CreateBucketCommand({ Bucket: s3.bucket }));
    });
    after(async () => {
      s3?.client.destroy();
      await subject?.dispose();
    });
    const check = (title: string, run: (s3: Probe) => Promise<void>) => test(title, () => run(s3));
    checkConditionalPuts(check);
    checkReads(check);
    checkChecksums(check);
    checkMultipart(check);
    checkNames(check);
    checkLoad(check);
  });
}

type Check = (title: string, run: (s3: Probe) => Promise<void>) => void;

function checkConditionalPuts(check: Check): void {
  check("1. a conditional put of a new key creates the object", async (s3) => {
    await s3.put("new", text("first"), { IfNoneMatch: "*" });
    assert.deepEqual(await s3.get("new"), text("first"));
  });

  check("2. a conditional put of a key that is there is refused with 412, and changes nothing", async (s3) => {
    await s3.put("taken", text("first"), { IfNoneMatch: "*" });
    await fails(s3.put("taken", text("second"), { IfNoneMatch: "*" }), 412, "PreconditionFailed");
    assert.deepEqual(await s3.get("taken"), text("first"));
  });

  check("3. of 32 conditional puts that race for one key exactly one happens", async (s3) => {
    for (let round = 0; round < 5; round++) {
      const key = `race-${round}`;
      const puts = Array.from({ length: 32 }, (_, n) => s3.put(key, text(`writer ${n}`), { IfNoneMatch: "*" }));
      const winners = (await Promise.allSettled(puts)).flatMap((outcome, n) => {
        if (outcome.status === "fulfilled") return [n];
        const status = outcome.reason instanceof S3ServiceException ? outcome.reason.$metadata.httpStatusCode : undefined;
        assert.ok(status === 412 || status === 409, `a loser got ${String(outcome.reason)}`);
        return [];
      });
      assert.equal(winners.length, 1);
      assert.deepEqual(await s3.get(key), text(`writer ${winners[0]}`));
    }
  });
}

function checkReads(check: Check): void {
  check("4. HEAD tells length and ETag, also of an empty object", async (s3) => {
    const put = await s3.put("head", text("12345"));
    const head = await s3.head("head");
    assert.equal(head.ContentLength, 5);
    assert.ok(put.ETag !== undefined && head.ETag === put.ETag);
    await s3.put("head-empty", new Uint8Array(0));
    assert.equal((await s3.head("head-empty")).ContentLength, 0);
    assert.deepEqual(await s3.get("head-empty"), new Uint8Array(0));
  });

  check("5. a range is answered exactly, a suffix too, and is cut where the object ends", async (s3) => {
    const content = patterned(100_000);
    await s3.put("ranges", content);
    const ranges = [
      ["bytes=0-0", 0, 1],
      ["bytes=70000-70009", 70_000, 70_010],
      ["bytes=99999-99999", 99_999, 100_000],
      ["bytes=99990-200000", 99_990, 100_000],
      ["bytes=50000-", 50_000, 100_000],
      ["bytes=-10", 99_990, 100_000],
    ] as const;
    for (const [Range, from, to] of ranges) {
      const answer = await s3.client.send(new GetObjectCommand({ Bucket: s3.bucket, Key: "ranges", Range }));
      assert.equal(answer.$metadata.httpStatusCode, 206, Range);
      assert.equal(answer.ContentRange, `bytes ${from}-${to - 1}/100000`);
      assert.deepEqual(await answer.Body?.transformToByteArray(), content.slice(from, to), Range);
    }
  });

  check("6. a range that begins behind the end is refused with 416", async (s3) => {
    await s3.put("short", text("12345"));
    await s3.put("empty", new Uint8Array(0));
    await fails(s3.get("short", { Range: "bytes=5-9" }), 416, "InvalidRange");
    await fails(s3.get("empty", { Range: "bytes=0-0" }), 416, "InvalidRange");
  });

  check("7. an absent key and an absent bucket are told apart", async (s3) => {
    await fails(s3.get("absent"), 404, "NoSuchKey");
    await fails(s3.get("absent", { Bucket: `${s3.bucket}-not` }), 404, "NoSuchBucket");
    await fails(s3.put("absent", text("x"), { Bucket: `${s3.bucket}-not` }), 404, "NoSuchBucket");
    await fails(s3.head("absent"), 404, "NotFound");
  });
}

function checkChecksums(check: Check): void {
  check("8. a checksum given with a put comes back with the object", async (s3) => {
    const content = patterned(3000);
    const checksums = {
      ChecksumCRC32: crc32Of(content),
      ChecksumSHA256: createHash("sha256").update(content).digest("base64"),
    };
    for (const [name, value] of Object.entries(checksums)) {
      await s3.put(name, content, { [name]: value });
      const answer = await s3.client.send(new GetObjectCommand({ Bucket: s3.bucket, Key: name, ChecksumMode: "ENABLED" }));
      assert.equal(answer[name as keyof typeof checksums], value);
      assert.deepEqual(await answer.Body?.transformToByteArray(), content);
    }
  });

  check("9. a put whose bytes are not those of its checksum is refused with 400, and leaves nothing", async (s3) => {
    const wrong = { ChecksumCRC32: crc32Of(text("other")) };
    await fails(s3.put("damaged", text("these"), wrong), 400, "BadDigest");
    await fails(s3.get("damaged"), 404, "NoSuchKey");
  });
}

function checkMultipart(check: Check): void {
  check("10. parts become one object, in order of their numbers, when the upload is completed", async (s3) => {
    const content = patterned(2 * PART_BYTES + 1000);
    const upload = await s3.begin("parts");
    const third = await s3.part(upload, 3, content.subarray(2 * PART_BYTES));
    const first = await s3.part(upload, 1, content.subarray(0, PART_BYTES));
    const second = await s3.part(upload, 2, content.subarray(PART_BYTES, 2 * PART_BYTES));
    await fails(s3.get("parts"), 404, "NoSuchKey");
    await s3.complete(upload, [first, second, third]);
    assert.equal(Buffer.compare(await s3.get("parts"), content), 0);
    const across = await s3.get("parts", { Range: `bytes=${PART_BYTES - 5}-${PART_BYTES + 4}` });
    assert.deepEqual(across, content.slice(PART_BYTES - 5, PART_BYTES + 5));
  });

  check("11. a conditional completion of a key that is there is refused with 412, and changes nothing", async (s3) => {
    const upload = await s3.begin("parts-taken");
    const part = await s3.part(upload, 1, text("parts"));
    await s3.put("parts-taken", text("first"));
    await fails(s3.complete(upload, [part], { IfNoneMatch: "*" }), 412, "PreconditionFailed");
    assert.deepEqual(await s3.get("parts-taken"), text("first"));
    const free = await s3.begin("parts-free");
    await s3.complete(free, [await s3.part(free, 1, text("parts"))], { IfNoneMatch: "*" });
    assert.deepEqual(await s3.get("parts-free"), text("parts"));
  });

  check("12. an aborted upload leaves nothing, and can neither be continued nor completed", async (s3) => {
    const upload = await s3.begin("aborted");
    const part = await s3.part(upload, 1, text("gone"));
    await s3.client.send(new AbortMultipartUploadCommand({ ...s3.at(upload) }));
    await fails(s3.part(upload, 2, text("late")), 404, "NoSuchUpload");
    await fails(s3.complete(upload, [part]), 404, "NoSuchUpload");
    await fails(s3.get("aborted"), 404, "NoSuchKey");
    const left = await s3.client.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket, Prefix: "aborted" }));
    assert.deepEqual(left.Uploads ?? [], []);
  });

  check("13. a part with a wrong checksum is refused, and so is a completion that names a part never sent", async (s3) => {
    const upload = await s3.begin("parts-wrong");
    await fails(s3.part(upload, 1, text("these"), crc32Of(text("other"))), 400, "BadDigest");
    const part = await s3.part(upload, 1, text("these"));
    const never = { ...part, ETag: `"${"0".repeat(32)}"` };
    await fails(s3.complete(upload, [never]), 400, "InvalidPart");
    await fails(s3.complete(upload, [{ ...part, ChecksumCRC32: crc32Of(text("other")) }]), 400, "InvalidPart");
    await fails(s3.get("parts-wrong"), 404, "NoSuchKey");
  });
}

function checkNames(check: Check): void {
  check("14. a listing goes page by page through the keys of a prefix, sorted", async (s3) => {
    const keys = Array.from({ length: 25 }, (_, n) => `page/${String(n).padStart(2, "0")}`);
    await Promise.all([...keys, "pag", "page", "pages/1", "Page/1"].map((key) => s3.put(key, text(key))));
    const seen: string[] = [];
    const sizes: number[] = [];
    let token: string | undefined;
    do {
      const page = await s3.client.send(
        new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: "page/", MaxKeys: 10, ContinuationToken: token }),
      );
      seen.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ""));
      sizes.push(page.Contents?.length ?? 0);
      assert.equal(page.IsTruncated, page.NextContinuationToken !== undefined);
      token = page.NextContinuationToken;
    } while (token !== undefined);
    assert.deepEqual(seen, keys);
    assert.deepEqual(sizes, [10, 10, 5]);
  });

  check("15. a deleted object is absent; deleting an absent one, or many at once, succeeds", async (s3) => {
    await Promise.all(["d/1", "d/2", "d/3"].map((key) => s3.put(key, text(key))));
    await s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key: "d/1" }));
    await fails(s3.get("d/1"), 404, "NoSuchKey");
    await s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key: "d/1" }));
    const Objects = ["d/1", "d/2", "d/never"].map((Key) => ({ Key }));
    const answer = await s3.client.send(new DeleteObjectsCommand({ Bucket: s3.bucket, Delete: { Objects } }));
    assert.deepEqual(answer.Errors ?? [], []);
    const left = await s3.client.send(new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: "d/" }));
    assert.deepEqual(
      left.Contents?.map(({ Key }) => Key),
      ["d/3"],
    );
  });

  check("16. keys with unusual characters, and long ones, are themselves", async (s3) => {
    const keys = ["odd/a b+c", "odd/ä%20", "odd/=.", "odd/x&y=z?#", "odd/'(~*!)", `odd/${"l".repeat(900)}`];
    await Promise.all(keys.map((key) => s3.put(key, text(key), { IfNoneMatch: "*" })));
    for (const key of keys) assert.deepEqual(await s3.get(key), text(key));
    const page = await s3.client.send(new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: "odd/" }));
    assert.deepEqual(page.Contents?.map(({ Key }) => Key).sort(), [...keys].sort());
  });
}

function checkLoad(check: Check): void {
  check("17. 20 MB go in one put, and are read by 16 at once while others write", async (s3) => {
    const content = randomBytes(20 * 1024 * 1024);
    await s3.put("large", content, { IfNoneMatch: "*", ChecksumCRC32: crc32Of(content) });
    const slice = content.length / 16;
    const reads = Array.from({ length: 16 }, async (_, n) => {
      const bytes = await s3.get("large", { Range: `bytes=${n * slice}-${(n + 1) * slice - 1}` });
      assert.equal(Buffer.compare(bytes, content.subarray(n * slice, (n + 1) * slice)), 0);
    });
    const writes = Array.from({ length: 16 }, (_, n) => s3.put(`beside/${n}`, patterned(50_000)));
    await Promise.all([...reads, ...writes]);
    assert.equal(Buffer.compare(await s3.get("large"), content), 0);
  });
}

interface Upload {
  readonly Key: string;
  readonly UploadId: string;
}

interface Part {
  readonly PartNumber: number;
  readonly ETag: string;
  readonly ChecksumCRC32: string;
}

class Probe {
  readonly client: S3Client;
  readonly bucket = `probe-${randomUUID()}`;

  constructor(endpoint: string) {
    this.client = new S3Client({
      endpoint,
      forcePathStyle: true,
      region: "us-east-1",
      credentials: { accessKeyId: "holdfast", secretAccessKey: "holdfast-secret" },
      maxAttempts: 1,
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
  }

  put(key: string, body: Uint8Array, more: Partial<PutObjectCommandInput> = {}) {
    return this.client.send(new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: body, ...more }));
  }

  async get(key: string, more: Partial<GetObjectCommandInput> = {}): Promise<Uint8Array> {
    const answer = await this.client.send(new GetObjectCommand({ Bucket: this.bucket, Key: key, ...more }));
    return new Uint8Array((await answer.Body?.transformToByteArray()) ?? []);
  }

  head(key: string) {
    return this.client.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key }));
  }

  async begin(Key: string): Promise<Upload> {
    const answer = await this.client.send(
      new CreateMultipartUploadCommand({ Bucket: this.bucket, Key, ChecksumAlgorithm: "CRC32" }),
    );
    assert.ok(answer.UploadId !== undefined);
    return { Key, UploadId: answer.UploadId };
  }

  at(upload: Upload) {
    return { Bucket: this.bucket, ...upload };
  }

  async part(upload: Upload, PartNumber: number, Body: Uint8Array, ChecksumCRC32 = crc32Of(Body)): Promise<Part> {
    const answer = await this.client.send(new UploadPartCommand({ ...this.at(upload), PartNumber, Body, ChecksumCRC32 }));
    assert.ok(answer.ETag !== undefined);
    return { PartNumber, ETag: answer.ETag, ChecksumCRC32 };
  }

  complete(upload: Upload, Parts: Part[], more: { IfNoneMatch?: string } = {}) {
    return this.client.send(new CompleteMultipartUploadCommand({ ...this.at(upload), MultipartUpload: { Parts }, ...more }));
  }
}

async function fails(request: Promise<unknown>, status: number, code: string): Promise<void> {
  await assert.rejects(request, (error: unknown) => {
    assert.ok(error instanceof S3ServiceException, String(error));
    assert.deepEqual([error.$metadata.httpStatusCode, error.name], [status, code]);
    return true;
  });
}

function crc32Of(bytes: Uint8Array): string {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(crc32(bytes));
  return four.toString("base64");
}

function text(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value));
}

function patterned(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = (at * 31) % 251;
  return bytes;
}
