import { snapshotsContract } from "../../contract/snapshots.contract.js";
import { s3SnapshotsCase } from "../../contract/snapshots-s3-case.js";
import { s3Probe } from "../s3-probe.js";
import { endpointOf } from "../servers/endpoints.js";

const endpoint = endpointOf("s3");

s3Probe(endpoint, async () => ({ endpoint, dispose: async () => undefined }));
snapshotsContract(`S3 at ${endpoint}`, () => s3SnapshotsCase(endpoint));
