/** The S3 adapter on a server at some address, in a bucket of its own, for the snapshots contract. */
import { randomUUID } from "node:crypto";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import type { AwsSettings } from "../../src/aws/client-options.js";
import { NO_METER } from "../../src/ports/request-meter.js";
import { s3Client } from "../../src/snapshots-s3/s3-requests.js";
import { S3Snapshots } from "../../src/snapshots-s3/s3-snapshots.js";
import { realClock } from "./real-clock.js";
import type { SnapshotsUnderTest } from "./snapshots.contract.js";

export function awsAt(endpoint: string): AwsSettings {
  return { region: "us-east-1", endpoint, credentials: { accessKeyId: "holdfast", secretAccessKey: "holdfast-secret" } };
}

export async function makeBucket(endpoint: string): Promise<string> {
  const bucket = `holdfast-${randomUUID()}`;
  const client = s3Client(awsAt(endpoint), 1);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return bucket;
}

export async function s3SnapshotsCase(endpoint: string): Promise<SnapshotsUnderTest> {
  const bucket = await makeBucket(endpoint);
  const open = () => new S3Snapshots({ bucket, prefix: "prod/", aws: awsAt(endpoint), clock: realClock, meter: NO_METER });
  let current = open();
  return {
    snapshots: current,
    reopen: async () => {
      await current.close();
      return (current = open());
    },
    dispose: () => current.close(),
  };
}
