/** Opens the port for other routers, where there can be any: where the directory is shared. gRPC is loaded only then. */
import { networkInterfaces } from "node:os";
import type { PeerNotice } from "../../peers-grpc/notices.js";
import { peerCodec } from "../../protocol/peer/frame-codec.js";
import { isLoopback } from "../config/read-settings.js";
import type { Settings } from "../config/settings.js";
import type { RunnerLog } from "../driver/core-runner.js";
import { PeerNetwork } from "../driver/peer-network.js";
import { ListenProblem } from "../ingress/server-lifecycle.js";
import { systemClock, systemEntropy } from "../system-clock.js";

/** Null: nobody else can share this directory. Throws `ListenProblem`, or an error where a certificate cannot be read. */
export async function openPeers(settings: Settings, log: RunnerLog): Promise<PeerNetwork | null> {
  if (settings.directory.kind !== "dynamodb") return null;
  const { listen, advertise, tls } = settings.peers;
  const { openGrpcPeers } = await import("../../peers-grpc/grpc-peers.js");
  const network = new PeerNetwork({
    codec: peerCodec,
    told: (address, problem) => log.warn({ address, problem }, "another router said what this one does not understand"),
  });
  const options = {
    cluster: settings.cluster,
    host: listen.host,
    port: listen.port,
    advertised: advertise ?? reachableHost(listen.host),
    tls,
    clock: systemClock,
    entropy: systemEntropy,
    tell: ({ level, message, peer, leftOut }: PeerNotice) =>
      log[level]({ peer, ...(leftOut > 0 && { leftOut }) }, `link to another router: ${message}`),
  };
  const port = await openGrpcPeers(options, network).catch((error: unknown) => {
    if (error instanceof Error && error.message.includes("EADDRINUSE"))
      throw new ListenProblem(`peers.listen: ${listen.host}:${listen.port} is taken by another process`);
    throw error;
  });
  network.open(port);
  if (tls === null && !isLoopback(listen.host))
    log.warn({ listen }, "peers.tls is not set: whoever reaches this port is taken for a router of the cluster");
  return network;
}

/** A wildcard is no address: others use the first one of this machine that is not its own. */
function reachableHost(host: string): string {
  if (host !== "0.0.0.0" && host !== "::") return host.includes(":") ? `[${host}]` : host;
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4");
  return found?.address ?? "127.0.0.1";
}
