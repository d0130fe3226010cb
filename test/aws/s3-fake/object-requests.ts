/** Requests that concern one object, or an upload of it. */
import { element, elements, emptyAnswer, type S3Answer, S3Error, type S3Request, text, xmlAnswer } from "./s3-request.js";
import { etagOf, type S3Bucket, type S3Object, type S3Store, verifiedChecksums } from "./s3-store.js";

export function answerObject(store: S3Store, request: S3Request): S3Answer {
  const { method, key, query } = request;
  const bucket = store.bucket(request.bucket);
  if (Buffer.byteLength(key) > 1024) throw new S3Error(400, "KeyTooLongError", "the key is too long");
  if (query.has("uploads") || query.has("uploadId")) return answerUpload(store, bucket, request);
  switch (method) {
    case "PUT": {
      const object = store.put(bucket, key, request.body, request.headers);
      return emptyAnswer(200, { etag: object.etag, ...object.checksums });
    }
    case "GET":
    case "HEAD":
      return content(bucket, request);
    case "DELETE":
      bucket.objectByKey.delete(key);
      return emptyAnswer(204);
    default:
      throw new S3Error(405, "MethodNotAllowed", method);
  }
}

function content(bucket: S3Bucket, request: S3Request): S3Answer {
  const object = bucket.objectByKey.get(request.key);
  if (object === undefined) throw new S3Error(404, "NoSuchKey", `there is no key ${request.key}`);
  const headers = {
    etag: object.etag,
    "last-modified": object.lastModified.toUTCString(),
    "content-type": "application/octet-stream",
    "accept-ranges": "bytes",
  };
  const range = request.headers["range"];
  if (range === undefined) {
    const checksums = request.headers["x-amz-checksum-mode"] === "ENABLED" ? object.checksums : {};
    return { status: 200, headers: { ...headers, ...checksums, "content-length": object.body.length }, body: object.body };
  }
  const [from, to] = rangeOf(range, object);
  const contentRange = `bytes ${from}-${to - 1}/${object.body.length}`;
  return {
    status: 206,
    headers: { ...headers, "content-range": contentRange, "content-length": to - from },
    body: object.body.subarray(from, to),
  };
}

function rangeOf(range: string, object: S3Object): readonly [from: number, to: number] {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range);
  if (match === null || range === "bytes=-") throw new S3Error(501, "NotImplemented", `a range of ${range}`);
  const size = object.body.length;
  const [first = "", last = ""] = match.slice(1);
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (from >= to) throw new S3Error(416, "InvalidRange", "the range begins behind the end");
  return [from, to];
}

function answerUpload(store: S3Store, bucket: S3Bucket, request: S3Request): S3Answer {
  const { method, key, query, headers, body } = request;
  if (method === "POST" && query.has("uploads")) {
    const id = store.beginUpload(bucket, key);
    return xmlAnswer(
      `<InitiateMultipartUploadResult><Bucket>${text(request.bucket)}</Bucket><Key>${text(key)}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
  }
  const id = query.get("uploadId") ?? "";
  const upload = store.upload(bucket, key, id);
  switch (method) {
    case "PUT": {
      const number = Number(query.get("partNumber"));
      if (!Number.isInteger(number) || number < 1 || number > 10_000)
        throw new S3Error(400, "InvalidArgument", "the number of the part");
      const checksums = verifiedChecksums(body, headers);
      const etag = etagOf(body);
      upload.partByNumber.set(number, { body, etag, checksums });
      return emptyAnswer(200, { etag, ...checksums });
    }
    case "POST": {
      const parts = elements(body.toString(), "Part").map((part) => ({
        number: Number(element(part, "PartNumber")),
        etag: element(part, "ETag") ?? "",
        crc32: element(part, "ChecksumCRC32"),
      }));
      const object = store.completeUpload(bucket, id, upload, parts, headers);
      return xmlAnswer(
        `<CompleteMultipartUploadResult><Key>${text(key)}</Key><ETag>${text(object.etag)}</ETag></CompleteMultipartUploadResult>`,
      );
    }
    case "DELETE":
      bucket.uploadById.delete(id);
      return emptyAnswer(204);
    default:
      throw new S3Error(405, "MethodNotAllowed", method);
  }
}
