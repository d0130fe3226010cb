/** The role of the pods on AWS: as much as the CDK stack gives its routers, on what the overlay names. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { build, find, overlayFolder } from "./manifests.js";

interface Statement {
  readonly Sid: string;
  readonly Action: string | readonly string[];
  readonly Resource: string;
  readonly Condition?: object;
}

interface Trust {
  readonly Statement: readonly [{ readonly Condition: { readonly StringEquals: Readonly<Record<string, string>> } }];
}

const folder = overlayFolder("aws");
const manifests = build(folder);
const policy = JSON.parse(readFileSync(`${folder}/iam-policy.json`, "utf8")) as { readonly Statement: readonly Statement[] };
const environment = find(manifests, "ConfigMap", "holdfast-environment").data ?? {};

function named(variable: string): string {
  const value = environment[variable];
  assert.ok(value !== undefined, variable);
  return value;
}

describe("the pods' policy", () => {
  it("allows what the CDK stack allows, and no more", () => {
    const actions = policy.Statement.flatMap(({ Action }) => Action);
    const source = ["router-permissions.ts", "entity-function.ts"]
      .map((file) => readFileSync(`cdk/src/${file}`, "utf8"))
      .join("\n");
    const inStack = new Set(source.match(/"(dynamodb|s3|lambda):[A-Za-z]+"/g)?.map((text) => text.slice(1, -1)));
    // The registrar's, and a key of a condition.
    for (const other of ["lambda:DeleteFunction", "s3:prefix"]) inStack.delete(other);
    assert.deepEqual([...new Set(actions)].sort(), [...inStack].sort());
  });

  it("is about the tables, the bucket and the prefix that the overlay names", () => {
    const resourceOf = (sid: string) => policy.Statement.find(({ Sid }) => Sid === sid)?.Resource ?? "";
    const cluster = named("HOLDFAST_CLUSTER");
    const bucket = `arn:aws:s3:::${named("HOLDFAST_BUCKET")}`;
    assert.ok(resourceOf("Log").endsWith(`:table/${named("HOLDFAST_LOG_TABLE")}`));
    assert.ok(resourceOf("Directory").endsWith(`:table/${named("HOLDFAST_DIRECTORY_TABLE")}`));
    assert.equal(resourceOf("Segments"), `${bucket}/${cluster}/*`);
    assert.deepEqual([resourceOf("SegmentNames"), resourceOf("BucketSettings")], [bucket, bucket]);
    const names = policy.Statement.find(({ Sid }) => Sid === "SegmentNames");
    assert.deepEqual(names?.Condition, { StringLike: { "s3:prefix": [`${cluster}/`, `${cluster}/*`] } });
    assert.match(resourceOf("Functions"), /:function:[a-z-]+:\*$/, "versions, by the function's name");
  });

  it("is for the routers' account in the overlay's namespace alone", () => {
    const trust = JSON.parse(readFileSync(`${folder}/iam-trust.json`, "utf8")) as Trust;
    const equal = Object.entries(trust.Statement[0].Condition.StringEquals);
    const subject = equal.find(([key]) => key.endsWith(":sub"))?.[1];
    const account = find(manifests, "ServiceAccount").metadata.name;
    assert.equal(subject, `system:serviceaccount:${find(manifests, "Namespace").metadata.name}:${account}`);
    assert.equal(equal.find(([key]) => key.endsWith(":aud"))?.[1], "sts.amazonaws.com");
  });
});
