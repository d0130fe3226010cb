import { after, before } from "node:test";
import { type S3Fake, startS3Fake } from "../aws/s3-fake/s3-fake.js";
import { snapshotsContract } from "./snapshots.contract.js";
import { s3SnapshotsCase } from "./snapshots-s3-case.js";

let fake: S3Fake;
before(async () => {
  fake = await startS3Fake();
});
after(() => fake.close());

snapshotsContract("S3, on our fake", () => s3SnapshotsCase(fake.endpoint));
