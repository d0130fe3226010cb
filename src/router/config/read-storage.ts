/** The `journal`, `snapshots`, `directory` and `aws` sections: where what a router knows is kept. */
import { ConfigProblem } from "./config-problem.js";
import type { SettingNode } from "./setting-node.js";
import {
  type AwsSettings,
  DEFAULT_SETTINGS,
  type DirectorySettings,
  type DynamoDirectorySettings,
  type DynamoJournalSettings,
  type JournalSettings,
  type LocalStorage,
  type MemoryStorage,
  type S3SnapshotSettings,
  type Settings,
  type SnapshotSettings,
} from "./settings.js";

export type StorageSections = Pick<Settings, "journal" | "snapshots" | "directory" | "aws">;

const DAY_MS = 86_400_000;
/** Twice a week's outage. */
export const DEFAULT_JOURNAL_TTL_MS = 14 * DAY_MS;

/** What AWS takes as names (API references of DynamoDB CreateTable, S3 CreateBucket). */
const TABLE = /^[a-zA-Z0-9_.-]{3,255}$/;
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const REGION = /^[a-z]{2}(-[a-z]+)+-\d{1,2}$/;
/** Characters that need no escaping in an object's name; with room for the name within S3's 1,024 bytes. */
const PREFIX = /^([A-Za-z0-9_.-]+\/)*$/;
const PREFIX_LENGTH_MAX = 400;

export function readStorageSections(root: SettingNode): StorageSections {
  const journal = readJournal(root.member("journal"));
  const { directory, snapshots } = readFollowers(root, journal);
  if (journal.kind === "dynamodb" && directory.kind === "dynamodb" && journal.table === directory.table) {
    root.member("directory").member("table").refuse("the journal has this table; the directory needs one of its own");
  }
  return { journal, snapshots, directory, aws: readAws(root.member("aws")) };
}

/** Without a word of their own, snapshots and directory lie where a local journal lies. In the cloud they need names. */
function readFollowers(root: SettingNode, journal: JournalSettings): Pick<Settings, "snapshots" | "directory"> {
  const fallback = journal.kind === "dynamodb" ? DEFAULT_LOCAL : journal;
  const snapshots = readSnapshots(root.member("snapshots"), fallback);
  const directory = readDirectory(root.member("directory"), fallback);
  if (journal.kind === "dynamodb") {
    if (!root.member("snapshots").isSet) {
      root.member("snapshots").refuse("the journal is in DynamoDB: name the bucket, as in { kind: s3, bucket: my-bucket }");
    }
    if (!root.member("directory").isSet) {
      root
        .member("directory")
        .refuse("the journal is in DynamoDB: name the table, as in { kind: dynamodb, table: my-directory }");
    }
  }
  return { snapshots, directory };
}

const DEFAULT_LOCAL: LocalStorage = { kind: "local", path: ".holdfast" };

function readJournal(node: SettingNode): JournalSettings {
  const kind = kindOf(node, ["local", "memory", "dynamodb"], "local");
  if (kind !== "dynamodb") return readHere(node, kind, DEFAULT_LOCAL);
  node.mapping(["kind", "table", "ttl"]);
  const ttlMs = node.member("ttl").durationMs(DEFAULT_JOURNAL_TTL_MS, { min: 3_600_000, max: 366 * DAY_MS });
  return { kind, table: readTable(node.member("table")), ttlMs } satisfies DynamoJournalSettings;
}

function readSnapshots(node: SettingNode, fallback: LocalStorage | MemoryStorage): SnapshotSettings {
  if (!node.isSet) return fallback;
  const kind = kindOf(node, ["local", "memory", "s3"], "local");
  if (kind !== "s3") return readHere(node, kind, fallback);
  node.mapping(["kind", "bucket", "prefix"]);
  const bucket = node.member("bucket").text("");
  if (!BUCKET.test(bucket)) node.member("bucket").refuse("the name of a bucket is expected: 3 to 63 of a-z, 0-9, '.', '-'");
  return { kind, bucket, prefix: readPrefix(node.member("prefix")) } satisfies S3SnapshotSettings;
}

function readDirectory(node: SettingNode, fallback: LocalStorage | MemoryStorage): DirectorySettings {
  if (!node.isSet) return fallback;
  const kind = kindOf(node, ["local", "memory", "dynamodb"], "local");
  if (kind !== "dynamodb") return readHere(node, kind, fallback);
  node.mapping(["kind", "table"]);
  return { kind, table: readTable(node.member("table")) } satisfies DynamoDirectorySettings;
}

function kindOf<Kind extends string>(node: SettingNode, kinds: readonly Kind[], fallback: Kind): Kind {
  return node.member("kind").choice(kinds, fallback);
}

function readHere(
  node: SettingNode,
  kind: "local" | "memory",
  fallback: LocalStorage | MemoryStorage,
): LocalStorage | MemoryStorage {
  if (kind === "memory") {
    node.mapping(["kind"]);
    return { kind };
  }
  const { path } = fallback.kind === "local" ? fallback : DEFAULT_LOCAL;
  node.mapping(["kind", "path"]);
  return { kind, path: node.member("path").text(path) };
}

function readTable(node: SettingNode): string {
  const table = node.text("");
  if (!TABLE.test(table)) node.refuse("the name of a table is expected: 3 to 255 of a-z, A-Z, 0-9, '_', '.', '-'");
  return table;
}

function readPrefix(node: SettingNode): string {
  const text = node.text("");
  const prefix = text === "" || text.endsWith("/") ? text : `${text}/`;
  if (!PREFIX.test(prefix) || prefix.length > PREFIX_LENGTH_MAX || /(^|\/)\.{1,2}\//.test(prefix)) {
    node.refuse(`folders such as 'prod/' are expected, of letters, digits, '_', '.', '-', at most ${PREFIX_LENGTH_MAX} long`);
  }
  return prefix;
}

function readAws(node: SettingNode): AwsSettings {
  node.mapping(["region", "endpoint"]);
  const region = node.member("region").text(null);
  if (region !== null && !REGION.test(region)) node.member("region").refuse("a region such as eu-west-1 is expected");
  const endpoint = node.member("endpoint").text(null);
  if (endpoint !== null && !(URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol))) {
    node.member("endpoint").refuse("an http: or https: URL is expected");
  }
  return { region: region ?? DEFAULT_SETTINGS.aws.region, endpoint: endpoint ?? DEFAULT_SETTINGS.aws.endpoint };
}

/**
 * Refuses places that do not outlive, or cannot be reached by, whoever relies on them. The directory says where everything
 * else is: so what it names must last as long as it does, and be there for every router that can read it.
 */
export function refuseStorageMix({ journal, snapshots, directory }: StorageSections): void {
  const kinds = [journal, snapshots, directory].map(({ kind }) => kind);
  const problems: string[] = [];
  if (kinds.includes("memory") && kinds.some((kind) => kind !== "memory")) {
    const gone = (["journal", "snapshots", "directory"] as const).filter((_, index) => kinds[index] === "memory");
    problems.push(
      `${gone.join(" and ")}: in memory, while the rest outlives a restart and would not find it; all or none in memory`,
    );
  } else if (directory.kind === "dynamodb") {
    if (journal.kind === "local") {
      problems.push(
        "journal: on this machine's disk, while the directory is in DynamoDB: another router would take the shards over without their log; use { kind: dynamodb }",
      );
    }
    if (snapshots.kind === "local") {
      problems.push(
        "snapshots: on this machine's disk, while the directory is in DynamoDB: another router would take the shards over without their segments; use { kind: s3 }",
      );
    }
  }
  if (problems.length > 0) throw new ConfigProblem("storage_mix", problems);
}
