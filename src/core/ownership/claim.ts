/**
 * How a router comes to own shards; there is no other way, also alone, also after a crash (RULES.md 1, 2, 7):
 *
 *   cluster settings ──> own node document ──> former incarnations: dead-mark, seal ──> each descriptor: swap ──> replay
 *
 * Where no lock proves that a former incarnation is gone, its document must stand still for a while before it is marked dead;
 * as long as it lives, this one stands by.
 */
import type { LogId } from "../log/record.js";
import type { RecordCodec } from "../log/record-codec.js";
import type { DirectoryClient, FoundDocument } from "./directory-client.js";
import {
  CLUSTER_KEY,
  type ClosedRange,
  type ClusterDocument,
  type DocumentCodec,
  NODE_PREFIX,
  type NodeDocument,
  nodeKey,
  SHARD_PREFIX,
  type ShardDescriptor,
  shardKey,
} from "./documents.js";
import type { LeaseLimits } from "./lease.js";
import { sealLog } from "./log-end.js";
import { observe } from "./observing.js";
import type { OwnNode } from "./own-node.js";

export interface ClaimSettings {
  readonly incarnation: LogId;
  readonly clusterName: string;
  readonly shards: number;
  /** Used where the cluster is made now. 16 random bytes. */
  readonly freshClusterId: Uint8Array;
  /** How long records that are needed are kept for sure. */
  readonly recordTtlMs: number;
  /** Logs that an operator allows to be taken over although some of their records may have expired. */
  readonly acceptLossOf: readonly LogId[];
  readonly lease: LeaseLimits | null;
}

export interface ClaimTools {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly ownNode: OwnNode;
  recordCodec(clusterId: Uint8Array): RecordCodec;
  nextToken(): string;
  nextNonce(): Uint8Array;
  refuse(code: string, message: string): void;
  /** Another incarnation lives and owns what is to be claimed. Called every now and then while that is so. */
  standingBy(incarnation: LogId): void;
}

export interface Claimed {
  readonly cluster: ClusterDocument;
  readonly shards: readonly { readonly descriptor: ShardDescriptor; readonly token: string }[];
  /** Former incarnations whose logs may still be needed. */
  readonly formerNodes: readonly { readonly document: NodeDocument; readonly token: string }[];
}

interface Listed {
  readonly key: string;
  readonly document: FoundDocument;
}

/** The newest record format that this program reads and writes. */
export const RECORD_FORMAT_KNOWN = 2;
/** From here on a record may refer to values in the snapshot store. */
export const RECORD_FORMAT_WITH_VALUES = 2;

export function claim(settings: ClaimSettings, tools: ClaimTools, then: (claimed: Claimed) => void): void {
  new Claim(settings, tools, then).begin();
}

class Claim {
  readonly #settings: ClaimSettings;
  readonly #tools: ClaimTools;
  readonly #then: (claimed: Claimed) => void;
  readonly #formerByLog = new Map<LogId, { document: NodeDocument; token: string }>();

  readonly #endingByLog = new Map<LogId, (() => void)[]>();
  #isTaking = false;

  constructor(settings: ClaimSettings, tools: ClaimTools, then: (claimed: Claimed) => void) {
    this.#settings = settings;
    this.#tools = tools;
    this.#then = then;
  }

  begin(): void {
    this.#tools.client.read(CLUSTER_KEY, (found) => (found === null ? this.#create() : this.#check(found)));
  }

  #create(): void {
    const { freshClusterId: clusterId, clusterName: name, shards } = this.#settings;
    const body = this.#tools.codec.encodeCluster({ clusterId, name, shards, recordFormatFloor: RECORD_FORMAT_KNOWN });
    this.#tools.client.swap(CLUSTER_KEY, null, { token: this.#tools.nextToken(), body }, () => this.begin());
  }

  #check(found: FoundDocument): void {
    const cluster = this.#tools.codec.decodeCluster(found.body);
    const { clusterName, shards } = this.#settings;
    if (cluster.name !== clusterName) {
      const message = `this data belongs to cluster '${cluster.name}', the settings say '${clusterName}'`;
      return this.#tools.refuse("cluster_mismatch", message);
    }
    if (cluster.shards !== shards) {
      const message = `this data has ${cluster.shards} shards, the settings say ${shards}; the number is fixed when a cluster is made`;
      return this.#tools.refuse("cluster_mismatch", message);
    }
    if (cluster.recordFormatFloor > RECORD_FORMAT_KNOWN) {
      return this.#tools.refuse(
        "format_newer",
        `records here are of format ${cluster.recordFormatFloor}, this program knows ${RECORD_FORMAT_KNOWN}`,
      );
    }
    this.#announce(cluster);
  }

  #announce(cluster: ClusterDocument): void {
    const { incarnation } = this.#settings;
    this.#tools.ownNode.announce(cluster.clusterId, (end) => {
      if (end === "lost") return this.#tools.refuse("fenced", `an incarnation '${incarnation}' exists already`);
      this.#tools.client.list(NODE_PREFIX, (nodes) => {
        if (this.#settings.lease === null) return this.#endOthers(cluster, nodes);
        this.#tools.client.list(SHARD_PREFIX, (shards) =>
          this.#endOthers(cluster, this.#withoutLaterOnes(cluster, nodes, shards)),
        );
      });
    });
  }

  /**
   * Who stands by as we do is left alone if it began later: it waits for us. Were both to wait, none would ever own anything.
   */
  #withoutLaterOnes(cluster: ClusterDocument, nodes: readonly Listed[], shards: readonly Listed[]): readonly Listed[] {
    const { codec, ownNode } = this.#tools;
    const owners = new Set(shards.map(({ document }) => codec.decodeDescriptor(document.body, cluster.clusterId).owner));
    return nodes.filter(({ document }) => {
      const node = codec.decodeNode(document.body, cluster.clusterId);
      return node.status !== "alive" || owners.has(node.incarnation) || beganBefore(node, ownNode.document);
    });
  }

  /** Marks every other incarnation dead, then seals its log. First the mark: it freezes the base that the walk begins at. */
  #endOthers(cluster: ClusterDocument, found: readonly Listed[]): void {
    const others = found.filter(({ key }) => key !== nodeKey(this.#settings.incarnation));
    let left = others.length;
    const done = (): void => {
      left--;
      if (left === 0) this.#tools.client.list(SHARD_PREFIX, (descriptors) => this.#take(cluster, descriptors));
    };
    if (left === 0) {
      left = 1;
      return done();
    }
    for (const { key, document } of others) this.#endOther(cluster, key, document, done);
  }

  #endOther(cluster: ClusterDocument, key: string, found: FoundDocument, done: () => void): void {
    const node = this.#tools.codec.decodeNode(found.body, cluster.clusterId);
    if (this.#mayHaveExpired(node)) return this.#refuseExpired(node);
    if (node.status !== "alive") return this.#seal(cluster, node, found.token, done);
    const { lease } = this.#settings;
    if (lease === null) return this.#markDead(cluster, key, found, done);
    observe(this.#tools.client, lease, {
      key,
      found,
      decode: (body) => this.#tools.codec.decodeNode(body, cluster.clusterId),
      over: (last) => (last === null ? done() : this.#markDead(cluster, key, last, done)),
      lives: () => {
        this.#tools.standingBy(node.incarnation);
        if (!this.#isTaking) return true;
        // Each of two would hold shards that the other waits for.
        this.#tools.refuse("fenced", `'${node.incarnation}' has begun to own shards`);
        return false;
      },
    });
  }

  /** Conditional on the version that was seen: whoever has changed it since lives. */
  #markDead(cluster: ClusterDocument, key: string, found: FoundDocument, done: () => void): void {
    const node = this.#tools.codec.decodeNode(found.body, cluster.clusterId);
    if (node.status !== "alive") return this.#seal(cluster, node, found.token, done);
    const dead: NodeDocument = { ...node, status: "dead" };
    this.#mark(
      cluster,
      found.token,
      dead,
      (token) => this.#seal(cluster, dead, token, done),
      () => this.#tools.client.read(key, (again) => (again === null ? done() : this.#endOther(cluster, key, again, done))),
    );
  }

  /**
   * Whether the walk to a log's end could meet positions that have expired, and take the first for the end (RULES.md 3).
   * Where the end is known nothing is walked: what closed ranges lack shows by itself.
   */
  #mayHaveExpired(node: NodeDocument): boolean {
    const { recordTtlMs, acceptLossOf } = this.#settings;
    const { nowMs } = this.#tools.ownNode;
    return node.seal === null && nowMs - node.heardAtMs > recordTtlMs / 2 && !acceptLossOf.includes(node.incarnation);
  }

  #refuseExpired({ incarnation, heardAtMs }: NodeDocument): void {
    const days = Math.floor((this.#tools.ownNode.nowMs - heardAtMs) / 86_400_000);
    const message =
      `the last sign of life of log ${incarnation} is ${days} days old: records that were not flushed may have expired. ` +
      `'holdfast start --accept-loss ${incarnation}' takes over what is left`;
    this.#tools.refuse("records_expired", message);
  }

  #seal(cluster: ClusterDocument, node: NodeDocument, token: string, done: () => void): void {
    if (node.seal !== null) {
      this.#formerByLog.set(node.incarnation, { document: node, token });
      return done();
    }
    const codec = this.#tools.recordCodec(cluster.clusterId);
    const ending = {
      codec,
      client: this.#tools.client,
      by: this.#settings.incarnation,
      nextNonce: () => this.#tools.nextNonce(),
    };
    const sealed = (seal: number): void => {
      const next = { ...node, seal };
      this.#mark(
        cluster,
        token,
        next,
        (nextToken) => {
          this.#formerByLog.set(node.incarnation, { document: next, token: nextToken });
          done();
        },
        () =>
          this.#tools.client.read(nodeKey(node.incarnation), (found) =>
            found === null ? done() : this.#endOther(cluster, nodeKey(node.incarnation), found, done),
          ),
      );
    };
    sealLog(ending, node.incarnation, node.base, sealed, (code, message) => {
      if (code === "format_newer") return this.#tools.refuse(code, message);
      this.#unlessNeeded(
        cluster,
        node,
        () => sealed(node.base),
        () => this.#tools.refuse(code, message),
      );
    });
  }

  /**
   * A log that takes no seal has been removed as a whole if no descriptor names it: its document was deleted before, and
   * came back by a swap that landed late.
   */
  #unlessNeeded(cluster: ClusterDocument, { incarnation }: NodeDocument, then: () => void, needed: () => void): void {
    this.#tools.client.list(SHARD_PREFIX, (found) => {
      const descriptors = found.map(({ document }) => this.#tools.codec.decodeDescriptor(document.body, cluster.clusterId));
      const isNamed = descriptors.some(
        ({ owner, ranges }) => owner === incarnation || ranges.some(({ log }) => log === incarnation),
      );
      if (isNamed) needed();
      else then();
    });
  }

  #mark(cluster: ClusterDocument, expected: string, next: NodeDocument, then: (token: string) => void, lost: () => void): void {
    const token = this.#tools.nextToken();
    const body = this.#tools.codec.encodeNode(next, cluster.clusterId);
    this.#tools.client.swap(nodeKey(next.incarnation), expected, { token, body }, (end) =>
      end === "happened" ? then(token) : lost(),
    );
  }

  #take(cluster: ClusterDocument, found: readonly Listed[]): void {
    this.#isTaking = true;
    const documentByKey = new Map(found.map(({ key, document }) => [key, document]));
    const taken: { descriptor: ShardDescriptor; token: string }[] = [];
    for (let shard = 0; shard < cluster.shards; shard++) {
      const document = documentByKey.get(shardKey(shard)) ?? null;
      this.#takeShard(cluster, shard, document, (descriptor, token) => {
        taken.push({ descriptor, token });
        if (taken.length < cluster.shards) return;
        taken.sort((left, right) => left.descriptor.shard - right.descriptor.shard);
        this.#then({ cluster, shards: taken, formerNodes: [...this.#formerByLog.values()] });
      });
    }
  }

  #takeShard(
    cluster: ClusterDocument,
    shard: number,
    found: FoundDocument | null,
    then: (descriptor: ShardDescriptor, token: string) => void,
  ): void {
    const former = found === null ? null : this.#tools.codec.decodeDescriptor(found.body, cluster.clusterId);
    const owner = former?.owner ?? null;
    if (owner === null || this.#formerByLog.has(owner)) return this.#claimShard(cluster, shard, found, former, then);
    // An owner that was not there yet when the others were ended: it may be alive, so it is ended first.
    this.#endOwner(cluster, owner, () => this.#claimShard(cluster, shard, found, former, then));
  }

  /** Once for all shards that it owns. */
  #endOwner(cluster: ClusterDocument, owner: LogId, then: () => void): void {
    const waiting = this.#endingByLog.get(owner);
    if (waiting !== undefined) {
      waiting.push(then);
      return;
    }
    const all = [then];
    this.#endingByLog.set(owner, all);
    const ended = (): void => {
      this.#endingByLog.delete(owner);
      for (const one of all) one();
    };
    const key = nodeKey(owner);
    this.#tools.client.read(key, (node) => (node === null ? ended() : this.#endOther(cluster, key, node, ended)));
  }

  #claimShard(
    cluster: ClusterDocument,
    shard: number,
    found: FoundDocument | null,
    former: ShardDescriptor | null,
    then: (descriptor: ShardDescriptor, token: string) => void,
  ): void {
    const descriptor: ShardDescriptor = {
      shard,
      epoch: (former?.epoch ?? 0) + 1,
      owner: this.#settings.incarnation,
      covered: 0,
      ranges: former === null ? [] : [...former.ranges, ...this.#closedRange(former)],
      segments: former?.segments ?? [],
    };
    const token = this.#tools.nextToken();
    const body = this.#tools.codec.encodeDescriptor(descriptor, cluster.clusterId);
    this.#tools.client.swap(shardKey(shard), found?.token ?? null, { token, body }, (end) => {
      if (end === "happened") return then(descriptor, token);
      this.#tools.refuse("fenced", `shard ${shard} was claimed by somebody else`);
    });
  }

  /** What the former owner left behind `covered`, up to its seal. Without a document of its own, nothing of it exists (15k). */
  #closedRange(former: ShardDescriptor): readonly ClosedRange[] {
    if (former.owner === null) return [];
    const node = this.#formerByLog.get(former.owner)?.document;
    if (node === undefined || node.seal === null) return [];
    const from = Math.max(former.covered + 1, node.base);
    return from >= node.seal ? [] : [{ log: former.owner, epoch: former.epoch, from, to: node.seal }];
  }
}

/** An order that all see alike; by clocks that may differ, as nothing but fairness depends on it. */
function beganBefore(one: NodeDocument, other: NodeDocument): boolean {
  if (one.startedAtMs !== other.startedAtMs) return one.startedAtMs < other.startedAtMs;
  return one.incarnation < other.incarnation;
}
