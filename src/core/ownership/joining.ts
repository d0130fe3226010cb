/**
 * How an incarnation becomes part of a cluster: it makes the cluster's document where there is none, checks that it is made
 * for the same, and announces itself by a document of its own. Only then does it look at what others have.
 */
import type { LogId } from "../log/record.js";
import type { DirectoryClient, FoundDocument } from "./directory-client.js";
import { CLUSTER_KEY, type ClusterDocument, type DocumentCodec } from "./documents.js";
import type { OwnNode } from "./own-node.js";
import { RECORD_FORMAT_KNOWN } from "./record-formats.js";

/** A directory that takes no writes is not asked more often. */
const ANNOUNCE_AGAIN_MS = 200;

export interface JoinSettings {
  readonly incarnation: LogId;
  readonly clusterName: string;
  readonly shards: number;
  /** Used where the cluster is made now. 16 random bytes. */
  readonly freshClusterId: Uint8Array;
}

export interface JoinTools {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly ownNode: OwnNode;
  nextToken(): string;
  refuse(code: string, message: string): void;
}

export interface Joined {
  readonly cluster: ClusterDocument;
  readonly token: string;
}

export function join(settings: JoinSettings, tools: JoinTools, then: (joined: Joined) => void): void {
  tools.client.read(CLUSTER_KEY, (found) => {
    if (found === null) create(settings, tools, then);
    else check(settings, tools, found, then);
  });
}

function create(settings: JoinSettings, tools: JoinTools, then: (joined: Joined) => void): void {
  const { freshClusterId: clusterId, clusterName: name, shards } = settings;
  const body = tools.codec.encodeCluster({ clusterId, name, shards, recordFormatFloor: RECORD_FORMAT_KNOWN });
  tools.client.swap(CLUSTER_KEY, null, { token: tools.nextToken(), body }, () => join(settings, tools, then));
}

function check(settings: JoinSettings, tools: JoinTools, found: FoundDocument, then: (joined: Joined) => void): void {
  const cluster = tools.codec.decodeCluster(found.body);
  const { clusterName, shards, incarnation } = settings;
  if (cluster.name !== clusterName) {
    const message = `this data belongs to cluster '${cluster.name}', the settings say '${clusterName}'`;
    return tools.refuse("cluster_mismatch", message);
  }
  if (cluster.shards !== shards) {
    const message = `this data has ${cluster.shards} shards, the settings say ${shards}; the number is fixed when a cluster is made`;
    return tools.refuse("cluster_mismatch", message);
  }
  if (cluster.recordFormatFloor > RECORD_FORMAT_KNOWN) {
    const message = `records here are of format ${cluster.recordFormatFloor}, this program knows ${RECORD_FORMAT_KNOWN}`;
    return tools.refuse("format_newer", message);
  }
  tools.ownNode.announce(cluster.clusterId, (end) => {
    // Whether it was announced is not known, or it is over already: the next incarnation announces itself anew.
    if (end === "lost")
      return tools.client.after(ANNOUNCE_AGAIN_MS, () =>
        tools.refuse("fenced", `incarnation '${incarnation}' could not be announced for sure`),
      );
    then({ cluster, token: found.token });
  });
}
