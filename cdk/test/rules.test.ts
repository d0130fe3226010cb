import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { App, Duration, Stack } from "aws-cdk-lib";
import { Certificate } from "aws-cdk-lib/aws-certificatemanager";
import { Key } from "aws-cdk-lib/aws-kms";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { Topic } from "aws-cdk-lib/aws-sns";
import { AwsSolutionsChecks } from "cdk-nag";
import type { IConstruct } from "constructs";
import { ShopStack } from "../example/shop-stack.js";
import { HoldfastCluster } from "../src/index.js";

function findings(scope: IConstruct): readonly string[] {
  const { violations } = new AwsSolutionsChecks(scope).validateScope(scope);
  return violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath ?? "?"}`),
  );
}

describe("AWS's own rules (cdk-nag, AwsSolutions)", () => {
  it("find nothing in the example that is not accepted with a reason", () => {
    assert.deepEqual(findings(new ShopStack(new App(), "Shop")), []);
  });

  it("find nothing in a cluster that faces the internet, with a key and storage of its own", () => {
    const stack = new Stack(new App(), "Public");
    new HoldfastCluster(stack, "Holdfast", {
      clusterName: "shop",
      isInternetFacing: true,
      certificate: Certificate.fromCertificateArn(stack, "Certificate", "arn:aws:acm:eu-west-1:123456789012:certificate/c"),
      encryptionKey: new Key(stack, "Key", { enableKeyRotation: true }),
      alarmTopic: Topic.fromTopicArn(stack, "Topic", "arn:aws:sns:eu-west-1:123456789012:alarms"),
      auth: { kind: "jwt", jwks: "https://login.example/keys", issuer: "https://login.example", audience: "shop" },
      recordTtl: Duration.days(30),
      routers: 3,
    });
    assert.deepEqual(findings(stack), []);
  });

  it("find nothing in a cluster on existing storage", () => {
    const stack = new Stack(new App(), "Restored");
    const existingStorage = { logTableName: "log", directoryTableName: "directory", bucketName: "segments" };
    new HoldfastCluster(stack, "Holdfast", { clusterName: "shop", existingStorage, auth: { kind: "network" } });
    assert.deepEqual(findings(stack), []);
  });

  it("are really asked: a bucket without anything is found", () => {
    const stack = new Stack(new App(), "Careless");
    new Bucket(stack, "Bucket");
    assert.ok(findings(stack).some((one) => one.startsWith("AwsSolutions-S10 ")));
  });
});
