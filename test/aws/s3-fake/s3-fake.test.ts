import { s3Probe } from "../s3-probe.js";
import { startS3Fake } from "./s3-fake.js";

s3Probe("our fake", async () => {
  const fake = await startS3Fake();
  return { endpoint: fake.endpoint, dispose: fake.close };
});
