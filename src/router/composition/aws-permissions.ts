/**
 * Finds out what the credentials may do, by doing it: each action that the router needs once, under names that nothing else
 * has, so that nothing comes of it. Policies are not read: only an answer tells what all of them together allow.
 */
import {
  BatchGetItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from "@aws-sdk/client-dynamodb";
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { TableShape } from "../../aws/dynamo-table.js";
import { type AwsFailure, awsFailure, type MissingThing } from "../../aws/failure.js";

export interface PermissionResult {
  readonly action: string;
  readonly resource: string;
  /** Null: it is allowed. */
  readonly failure: AwsFailure | null;
}

interface Target {
  readonly what: MissingThing;
  readonly name: string;
}

/** No log, no document and no object has it. */
const PROBE = "~holdfast-check";
/** What an allowed request is answered with where the probe's key is not there. */
const EXPECTED = new Set(["ConditionalCheckFailedException", "NoSuchKey", "NotFound", "PreconditionFailed"]);

export function journalPermissions(
  client: DynamoDBClient,
  table: string,
  shape: TableShape,
): Promise<readonly PermissionResult[]> {
  const { TableName, Key, ifThere } = tableProbe(table, shape);
  return inOrder({ what: "table", name: table }, [
    ["dynamodb:GetItem", () => client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }))],
    ["dynamodb:BatchGetItem", () => client.send(new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys: [Key] } } }))],
    ["dynamodb:PutItem", () => client.send(new PutItemCommand({ TableName, Item: Key, ...ifThere }))],
  ]);
}

export function directoryPermissions(
  client: DynamoDBClient,
  table: string,
  shape: TableShape,
): Promise<readonly PermissionResult[]> {
  const { TableName, Key, ifThere, partition } = tableProbe(table, shape);
  return inOrder({ what: "table", name: table }, [
    ["dynamodb:GetItem", () => client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }))],
    ["dynamodb:Query", () => client.send(new QueryCommand({ TableName, Limit: 1, ...partition }))],
    ["dynamodb:PutItem", () => client.send(new PutItemCommand({ TableName, Item: Key, ...ifThere }))],
    ["dynamodb:DeleteItem", () => client.send(new DeleteItemCommand({ TableName, Key, ...ifThere }))],
  ]);
}

/** Writes on the condition that the probe's key is there, which it never is. */
function tableProbe(TableName: string, { key }: TableShape) {
  const [partitionKey = ""] = key;
  return {
    TableName,
    Key: Object.fromEntries(key.map((name) => [name, { S: PROBE }])),
    ifThere: { ConditionExpression: "attribute_exists(#k)", ExpressionAttributeNames: { "#k": partitionKey } },
    partition: {
      KeyConditionExpression: "#k = :probe",
      ExpressionAttributeNames: { "#k": partitionKey },
      ExpressionAttributeValues: { ":probe": { S: PROBE } },
    },
  };
}

/** Leaves a noncurrent version and a delete marker of one small object, which the bucket's lifecycle removes. */
export async function bucketPermissions(client: S3Client, bucket: string, prefix: string): Promise<readonly PermissionResult[]> {
  const Bucket = bucket;
  const Key = `${prefix}${PROBE}`;
  let UploadId: string | undefined;
  return inOrder({ what: "bucket", name: bucket }, [
    ["s3:ListBucket", () => client.send(new ListObjectsV2Command({ Bucket, Prefix: Key, MaxKeys: 1 }))],
    ["s3:PutObject", () => client.send(new PutObjectCommand({ Bucket, Key, Body: "probe" }))],
    [
      "s3:GetObject",
      () =>
        client.send(new GetObjectCommand({ Bucket, Key, Range: "bytes=0-0" })).then(({ Body }) => Body?.transformToByteArray()),
    ],
    ["s3:DeleteObject", () => client.send(new DeleteObjectCommand({ Bucket, Key }))],
    [
      "s3:AbortMultipartUpload",
      async () => {
        ({ UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key })));
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      },
    ],
  ]);
}

/** One after the other: a probe of the bucket reads what the one before has written. */
async function inOrder(
  resource: Target,
  probes: readonly (readonly [action: string, probe: () => Promise<unknown>])[],
): Promise<readonly PermissionResult[]> {
  const results: PermissionResult[] = [];
  for (const [action, probe] of probes)
    results.push({ action, resource: resource.name, failure: await failureOf(action, resource, probe) });
  return results;
}

async function failureOf(action: string, resource: Target, probe: () => Promise<unknown>): Promise<AwsFailure | null> {
  try {
    await probe();
    return null;
  } catch (error) {
    if (error instanceof Error && EXPECTED.has(error.name)) return null;
    return awsFailure(error, { action, resource });
  }
}
