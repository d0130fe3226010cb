/** Requests that concern a bucket: its creation, its settings, listings, deletes of many objects. */
import { element, elements, emptyAnswer, type S3Answer, S3Error, type S3Request, text, xmlAnswer } from "./s3-request.js";
import type { S3Bucket, S3Store } from "./s3-store.js";

const PAGE_KEYS_MAX = 1000;

/** The settings that are kept as they were put, and the code that tells that there is none (null: an empty document). */
const NONE_BY_SETTING: Readonly<Record<string, string | null>> = {
  versioning: null,
  encryption: "ServerSideEncryptionConfigurationNotFoundError",
  publicAccessBlock: "NoSuchPublicAccessBlockConfiguration",
  lifecycle: "NoSuchLifecycleConfiguration",
  policy: "NoSuchBucketPolicy",
  tagging: "NoSuchTagSet",
  ownershipControls: "OwnershipControlsNotFoundError",
};

export function answerBucket(store: S3Store, request: S3Request): S3Answer {
  const { method, query } = request;
  const setting = Object.keys(NONE_BY_SETTING).find((name) => query.has(name));
  if (method === "PUT" && setting === undefined) {
    store.createBucket(request.bucket);
    return emptyAnswer(200);
  }
  const bucket = store.bucket(request.bucket);
  if (setting !== undefined) return answerSetting(bucket, setting, request);
  if (method === "HEAD") return emptyAnswer(200);
  if (method === "GET" && query.get("list-type") === "2") return listObjects(bucket, query);
  if (method === "GET" && query.has("uploads")) return listUploads(bucket, query.get("prefix") ?? "");
  if (method === "POST" && query.has("delete")) return deleteMany(bucket, request.body.toString());
  throw new S3Error(501, "NotImplemented", `${method} ${query.toString()}`);
}

function answerSetting(bucket: S3Bucket, name: string, { method, body }: S3Request): S3Answer {
  if (method === "PUT") {
    bucket.settingByName.set(name, body);
    return emptyAnswer(200);
  }
  const stored = bucket.settingByName.get(name);
  const none = NONE_BY_SETTING[name];
  if (stored !== undefined) return { status: 200, headers: { "content-type": "application/xml" }, body: stored };
  if (none == null) return xmlAnswer("<VersioningConfiguration/>");
  throw new S3Error(404, none, `the bucket has no ${name}`);
}

/** Keys in the order of their UTF-8, as S3 gives them. */
function listObjects(bucket: S3Bucket, query: URLSearchParams): S3Answer {
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after");
  const max = Math.min(Number(query.get("max-keys") ?? PAGE_KEYS_MAX), PAGE_KEYS_MAX);
  const behind = after === null ? null : Buffer.from(after);
  const keys = [...bucket.objectByKey.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => Buffer.from(key))
    .sort(Buffer.compare)
    .filter((key) => behind === null || Buffer.compare(key, behind) > 0);
  const page = keys.slice(0, max).map(String);
  const isTruncated = keys.length > max;
  const contents = page.map((key) => {
    const object = bucket.objectByKey.get(key);
    const modified = object?.lastModified.toISOString() ?? "";
    return `<Contents><Key>${text(key)}</Key><LastModified>${modified}</LastModified><ETag>${text(object?.etag ?? "")}</ETag><Size>${object?.body.length ?? 0}</Size></Contents>`;
  });
  const next = isTruncated ? `<NextContinuationToken>${text(page.at(-1) ?? "")}</NextContinuationToken>` : "";
  return xmlAnswer(
    `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated><KeyCount>${page.length}</KeyCount>${contents.join("")}${next}</ListBucketResult>`,
  );
}

function listUploads(bucket: S3Bucket, prefix: string): S3Answer {
  const uploads = [...bucket.uploadById]
    .filter(([, upload]) => upload.key.startsWith(prefix))
    .map(
      ([id, { key, initiated }]) =>
        `<Upload><Key>${text(key)}</Key><UploadId>${id}</UploadId><Initiated>${initiated.toISOString()}</Initiated></Upload>`,
    );
  return xmlAnswer(
    `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${uploads.join("")}</ListMultipartUploadsResult>`,
  );
}

function deleteMany(bucket: S3Bucket, xml: string): S3Answer {
  const keys = elements(xml, "Object").map((object) => element(object, "Key") ?? "");
  for (const key of keys) bucket.objectByKey.delete(key);
  const deleted = keys.map((key) => `<Deleted><Key>${text(key)}</Key></Deleted>`);
  return xmlAnswer(`<DeleteResult>${deleted.join("")}</DeleteResult>`);
}
