import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigProblem } from "./config-problem.js";
import { readStorageSections, refuseStorageMix, type StorageSections } from "./read-storage.js";
import { SettingNode } from "./setting-node.js";

const LOCAL = { kind: "local", path: "d" } as const;
const MEMORY = { kind: "memory" } as const;
const TABLE = { kind: "dynamodb", table: "log" } as const;
const DOCUMENTS = { kind: "dynamodb", table: "documents" } as const;
const BUCKET = { kind: "s3", bucket: "shop-holdfast" } as const;

function read(sections: Readonly<Record<string, unknown>>): { readonly settings: StorageSections; readonly problems: string[] } {
  const problems: string[] = [];
  return { settings: readStorageSections(new SettingNode(sections, "", problems)), problems };
}

function mixProblems(sections: Readonly<Record<string, unknown>>): readonly string[] {
  const { settings, problems } = read(sections);
  assert.deepEqual(problems, []);
  try {
    refuseStorageMix(settings);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigProblem && error.code === "storage_mix");
    return error.problems;
  }
}

describe("the storage settings", () => {
  it("of AWS are read with their defaults: two weeks for records, no prefix, the SDK's own region", () => {
    const { settings, problems } = read({ journal: TABLE, snapshots: BUCKET, directory: DOCUMENTS });
    assert.deepEqual(problems, []);
    assert.deepEqual(settings.journal, { ...TABLE, ttlMs: 14 * 86_400_000 });
    assert.deepEqual(settings.snapshots, { ...BUCKET, prefix: "" });
    assert.deepEqual(settings.directory, DOCUMENTS);
    assert.deepEqual(settings.aws, { region: null, endpoint: null });
  });

  it("take a prefix with or without its slash", () => {
    for (const prefix of ["prod", "prod/"]) {
      const { settings } = read({ journal: TABLE, snapshots: { ...BUCKET, prefix }, directory: DOCUMENTS });
      assert.deepEqual(settings.snapshots, { ...BUCKET, prefix: "prod/" });
    }
  });

  it("let snapshots and directory follow a local journal", () => {
    const { settings } = read({ journal: LOCAL });
    assert.deepEqual([settings.snapshots, settings.directory], [LOCAL, LOCAL]);
    assert.deepEqual(read({ journal: MEMORY }).settings.directory, MEMORY);
  });

  it("ask for the names of bucket and table where the journal is in DynamoDB", () => {
    const { problems } = read({ journal: TABLE });
    assert.equal(problems.length, 2);
    assert.match(problems.join("\n"), /snapshots: .*bucket[\s\S]*directory: .*table/);
  });

  it("refuse names that AWS would refuse, and one table for both", () => {
    const bad = {
      journal: { kind: "dynamodb", table: "a", ttl: "10m" },
      snapshots: { kind: "s3", bucket: "Shop", prefix: "../x" },
      directory: { kind: "dynamodb", table: "a b c" },
      aws: { region: "Ireland", endpoint: "localhost:8000" },
    };
    const { problems } = read(bad);
    for (const path of [
      "journal.table",
      "journal.ttl",
      "snapshots.bucket",
      "snapshots.prefix",
      "directory.table",
      "aws.region",
      "aws.endpoint",
    ]) {
      assert.ok(
        problems.some((problem) => problem.startsWith(`${path}: `)),
        `${path} in ${problems.join("\n")}`,
      );
    }
    const same = read({ journal: TABLE, snapshots: BUCKET, directory: TABLE });
    assert.match(same.problems.join(), /directory.table: the journal has this table/);
  });
});

describe("a mix of storage", () => {
  const CLOUD = { journal: TABLE, snapshots: BUCKET, directory: DOCUMENTS };
  it("is taken where what the directory names lasts as long and is reached by the same routers", () => {
    for (const mix of [
      { journal: LOCAL },
      { journal: MEMORY },
      CLOUD,
      { ...CLOUD, directory: LOCAL },
      { ...CLOUD, directory: LOCAL, snapshots: LOCAL },
      { journal: LOCAL, snapshots: BUCKET },
      { journal: LOCAL, snapshots: { kind: "local", path: "elsewhere" } },
    ]) {
      assert.deepEqual(mixProblems(mix), [], JSON.stringify(mix));
    }
  });

  it("is refused where one part would be gone or out of reach, by the part's name", () => {
    const refused: readonly (readonly [mix: Readonly<Record<string, unknown>>, names: RegExp])[] = [
      [{ ...CLOUD, directory: MEMORY }, /^directory: in memory/],
      [{ ...CLOUD, journal: MEMORY }, /^journal: in memory/],
      [{ journal: LOCAL, snapshots: MEMORY }, /^snapshots: in memory/],
      [{ ...CLOUD, journal: LOCAL }, /^journal: on this machine's disk/],
      [{ ...CLOUD, snapshots: LOCAL }, /^snapshots: on this machine's disk/],
    ];
    for (const [mix, names] of refused) {
      const problems = mixProblems(mix);
      assert.equal(problems.length, 1, JSON.stringify(mix));
      assert.match(problems[0] ?? "", names);
    }
  });
});
