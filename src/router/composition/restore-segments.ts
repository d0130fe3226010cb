/**
 * `holdfast shards restore`: brings back segments that the shards' manifests name and that somebody has deleted or overwritten
 * in S3, from the bucket's former versions. An object is written once by the router, so that anything but one version of it is
 * somebody else's doing; which version is the right one its checksum in the manifest tells.
 */
import { crc32 } from "node:zlib";
import {
  CopyObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  type ObjectVersion,
  type S3Client,
} from "@aws-sdk/client-s3";
import { AwsProblem } from "../../aws/aws-problem.js";
import { awsFailure } from "../../aws/failure.js";
import type { SegmentReference } from "../../core/store/segment-reference.js";
import { keyOfName } from "../../snapshots-s3/object-key.js";
import { s3Client } from "../../snapshots-s3/s3-requests.js";
import type { S3SnapshotSettings } from "../config/settings.js";
import { awsOf, openAnsweringStorage, type StorageSettings } from "./storage.js";
import { storedShards } from "./stored-shards.js";

export interface RestoredSegment {
  readonly shard: number;
  readonly key: string;
  /** `lost`: there is no version of it that the manifest means. */
  readonly outcome: "fine" | "restored" | "lost";
}

const SOCKETS_MAX = 4;
/** A tail ends with its own checksum (docs/formats.md, "Segments"). */
const CRC_BYTES = 4;

/** The snapshots are in S3. Routers may run meanwhile, where the directory admits them. Throws AwsProblem and StorageProblem. */
export async function* restoreSegments(
  settings: StorageSettings,
  { bucket, prefix }: S3SnapshotSettings,
): AsyncGenerator<RestoredSegment> {
  const storage = await openAnsweringStorage(settings);
  const client = s3Client(awsOf(settings), SOCKETS_MAX);
  try {
    const stored = await storedShards(storage.directory);
    for (const { descriptor } of stored?.shards ?? []) {
      const { shard, segments } = descriptor;
      for (const segment of segments) {
        const key = keyOfName(prefix, segment.object);
        yield { shard, key, outcome: await restore(client, bucket, key, segment) };
      }
    }
  } finally {
    client.destroy();
    await storage.close();
  }
}

async function restore(
  client: S3Client,
  bucket: string,
  key: string,
  segment: SegmentReference,
): Promise<RestoredSegment["outcome"]> {
  const { versions, isDeleted } = await asked(bucket, "s3:ListBucketVersions", versionsOf(client, bucket, key));
  const current = versions.find(({ IsLatest }) => IsLatest === true);
  if (versions.length === 1 && current !== undefined && !isDeleted) return "fine";
  for (const { VersionId } of versions) {
    if (VersionId === undefined) continue;
    if (!(await asked(bucket, "s3:GetObjectVersion", isMeant(client, bucket, key, VersionId, segment)))) continue;
    if (VersionId === current?.VersionId) return "fine";
    const CopySource = `${bucket}/${encodeURIComponent(key)}?versionId=${encodeURIComponent(VersionId)}`;
    await asked(bucket, "s3:PutObject", client.send(new CopyObjectCommand({ Bucket: bucket, Key: key, CopySource })));
    return "restored";
  }
  return "lost";
}

/** Oldest first: that is the one that the router wrote, unless somebody has removed it. */
async function versionsOf(client: S3Client, Bucket: string, key: string) {
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: key }));
  const versions = Versions.filter(({ Key }) => Key === key).sort((left, right) => timeOf(left) - timeOf(right));
  return { versions, isDeleted: DeleteMarkers.some(({ Key, IsLatest }) => Key === key && IsLatest === true) };
}

function timeOf({ LastModified }: ObjectVersion): number {
  return LastModified?.getTime() ?? 0;
}

/** Compares the end of the object (index, filter, footer), which is of this segment alone. */
async function isMeant(client: S3Client, Bucket: string, Key: string, VersionId: string, segment: SegmentReference) {
  const { bytes, tailBytes, checksum } = segment;
  const Range = `bytes=${bytes - tailBytes}-${bytes - 1}`;
  try {
    const { ContentRange, Body } = await client.send(new GetObjectCommand({ Bucket, Key, VersionId, Range }));
    const given = (await Body?.transformToByteArray()) ?? new Uint8Array(0);
    // Some servers give versions whole, whatever range is asked for.
    const length = ContentRange === undefined ? given.length : Number(ContentRange.slice(ContentRange.indexOf("/") + 1));
    const tail = ContentRange === undefined ? given.subarray(-tailBytes) : given;
    return length === bytes && tail.length === tailBytes && crc32(tail.subarray(0, -CRC_BYTES)) === checksum;
  } catch (error) {
    if (error instanceof Error && error.name === "InvalidRange") return false; // another, shorter object
    throw error;
  }
}

async function asked<Answer>(bucket: string, action: string, sent: Promise<Answer>): Promise<Answer> {
  try {
    return await sent;
  } catch (error) {
    const { code, message } = awsFailure(error, { action, resource: { what: "bucket", name: bucket } });
    throw new AwsProblem(code, message);
  }
}
