/** What a router may do, and no more: each action is one that an adapter uses or `holdfast check` asks. */
import { Stack } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import { CfnBucket, type IBucket } from "aws-cdk-lib/aws-s3";
import { accept } from "./accepted-finding.js";
import type { Storage } from "./storage.js";

/** Looking at settings, so that `holdfast check` can say what is wrong with them. */
const TABLE_SETTINGS = ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:DescribeContinuousBackups"];
const BUCKET_SETTINGS = [
  "s3:GetBucketLocation",
  "s3:GetBucketVersioning",
  "s3:GetEncryptionConfiguration",
  "s3:GetBucketPublicAccessBlock",
  "s3:GetLifecycleConfiguration",
];

/** `prefix` ends in a slash: the cluster's own part of the bucket. */
export function grantStorage(role: iam.Role, { logTable, directoryTable, bucket }: Storage, prefix: string): void {
  const may = (sid: string, actions: readonly string[], resources: readonly string[]) =>
    role.addToPolicy(new iam.PolicyStatement({ sid, actions: [...actions], resources: [...resources] }));
  // Records are never changed and never deleted: they expire.
  may("Log", ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", ...TABLE_SETTINGS], [logTable.tableArn]);
  may(
    "Directory",
    ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query", ...TABLE_SETTINGS],
    [directoryTable.tableArn],
  );
  // Without s3:DeleteObjectVersion: what a router deletes by mistake can be brought back.
  const objects = bucket.arnForObjects(`${prefix}*`);
  may("Segments", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], [objects]);
  role.addToPolicy(
    new iam.PolicyStatement({
      sid: "SegmentNames",
      actions: ["s3:ListBucket"],
      resources: [bucket.bucketArn],
      conditions: { StringLike: { "s3:prefix": [prefix, `${prefix}*`] } },
    }),
  );
  may("BucketSettings", BUCKET_SETTINGS, [bucket.bucketArn]);
  for (const { encryptionKey } of [logTable, directoryTable, bucket]) encryptionKey?.grantEncryptDecrypt(role);
  for (const action of ["kms:ReEncrypt*", "kms:GenerateDataKey*"])
    accept(
      role,
      `AwsSolutions-IAM5[Action::${action}]`,
      "the two forms of each that DynamoDB and S3 ask for, on the given key alone",
    );
  accept(
    role,
    `AwsSolutions-IAM5[Resource::${shownArn(bucket)}/${prefix}*]`,
    "segments have unique names below the cluster's prefix",
  );
}

/** As cdk-nag prints it. */
function shownArn(bucket: IBucket): string {
  const own = bucket.node.defaultChild;
  if (own instanceof CfnBucket) return `<${Stack.of(bucket).getLogicalId(own)}.Arn>`;
  return `arn:<AWS::Partition>:s3:::${bucket.bucketName}`;
}
