/** What outlives every router: the log's table, the directory's table, the bucket of segments. Nothing here is ever deleted. */
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import type { IKey } from "aws-cdk-lib/aws-kms";
import * as s3 from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import { accept } from "./accepted-finding.js";

/** Names of keys and attributes, as the router's adapters have them (`src/journal-dynamo`, `src/directory-dynamo`). */
export const LOG_TABLE = { partitionKey: "k", expiryAttribute: "expiresAt" } as const;
export const DIRECTORY_TABLE = { partitionKey: "g", sortKey: "k" } as const;

/** How far back tables can be restored, and so how long replaced segments must stay: what a restored table names must be there. */
export const RESTORE_DAYS = 35;

/** Storage that is there already: after a restore, or from a cluster whose stack was deleted. Names, within this account and region. */
export interface ExistingStorage {
  readonly logTableName: string;
  readonly directoryTableName: string;
  readonly bucketName: string;
}

/** What DynamoDB is to have ready before it splits partitions by itself; request units per second. */
export interface WarmThroughput {
  /** At least 12,000, what every new table has. */
  readonly readUnitsPerSecond: number;
  /** At least 4,000, what every new table has. */
  readonly writeUnitsPerSecond: number;
}

export interface StorageProps {
  readonly existing: ExistingStorage | null;
  readonly warmThroughput: WarmThroughput;
  readonly encryptionKey: IKey | null;
  readonly accessLogs: s3.IBucket;
}

export class Storage extends Construct {
  readonly logTable: dynamodb.ITable;
  readonly directoryTable: dynamodb.ITable;
  readonly bucket: s3.IBucket;

  constructor(scope: Construct, id: string, props: StorageProps) {
    super(scope, id);
    const { existing } = props;
    if (existing !== null) {
      const key = props.encryptionKey === null ? {} : { encryptionKey: props.encryptionKey };
      this.logTable = dynamodb.Table.fromTableAttributes(this, "Log", { tableName: existing.logTableName, ...key });
      this.directoryTable = dynamodb.Table.fromTableAttributes(this, "Directory", {
        tableName: existing.directoryTableName,
        ...key,
      });
      this.bucket = s3.Bucket.fromBucketAttributes(this, "Snapshots", { bucketName: existing.bucketName, ...key });
      return;
    }
    this.logTable = this.#table("Log", props, {
      partitionKey: { name: LOG_TABLE.partitionKey, type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: LOG_TABLE.expiryAttribute,
      warmThroughput: props.warmThroughput,
    });
    this.directoryTable = this.#table("Directory", props, {
      partitionKey: { name: DIRECTORY_TABLE.partitionKey, type: dynamodb.AttributeType.STRING },
      sortKey: { name: DIRECTORY_TABLE.sortKey, type: dynamodb.AttributeType.STRING },
    });
    this.bucket = this.#bucket(props);
  }

  #table(id: string, { encryptionKey }: StorageProps, own: dynamodb.TableProps): dynamodb.Table {
    return new dynamodb.Table(this, id, {
      ...own,
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: RESTORE_DAYS },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      ...(encryptionKey === null
        ? { encryption: dynamodb.TableEncryption.DEFAULT }
        : { encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED, encryptionKey }),
    });
  }

  #bucket({ encryptionKey, accessLogs }: StorageProps): s3.Bucket {
    const bucket = new s3.Bucket(this, "Snapshots", {
      ...(encryptionKey === null
        ? { encryption: s3.BucketEncryption.S3_MANAGED }
        : { encryption: s3.BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }),
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: "snapshots/",
      removalPolicy: RemovalPolicy.RETAIN,
      // Never an expiry of current versions: an object without a newer one may be named by a manifest, however old it is.
      lifecycleRules: [
        { id: "replaced-segments", noncurrentVersionExpiration: Duration.days(RESTORE_DAYS), expiredObjectDeleteMarker: true },
        { id: "uploads-cut-off", abortIncompleteMultipartUploadAfter: Duration.days(7) },
      ],
    });
    return bucket;
  }
}

/** Where S3 and the load balancer write who asked for what. */
export function makeAccessLogBucket(scope: Construct, id: string): s3.Bucket {
  const bucket = new s3.Bucket(scope, id, {
    // Load balancers can write to buckets with S3's own keys only.
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: false,
    removalPolicy: RemovalPolicy.RETAIN,
    lifecycleRules: [{ id: "old-logs", expiration: Duration.days(90) }],
  });
  accept(bucket, "AwsSolutions-S1", "this is the bucket that access logs go to; logging itself would never end");
  return bucket;
}
