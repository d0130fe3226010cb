/**
 * A node in a process of its own, over gRPC: `node peer-process.js CLUSTER [PORT [QUEUE_BYTES_MAX]]`, forked, with messages as below.
 * `echo` sends back what it receives.
 */
import { openGrpcPeers } from "../../src/peers-grpc/grpc-peers.js";
import { systemClock, systemEntropy } from "../../src/router/system-clock.js";
import type { PeerEvent } from "./test-node.js";

export type ToPeer =
  | { readonly kind: "send"; readonly to: string; readonly frame: Uint8Array }
  | { readonly kind: "forget"; readonly to: string }
  | { readonly kind: "echo" }
  | { readonly kind: "close" };

export type FromPeer = PeerEvent | { readonly kind: "opened"; readonly address: string } | { readonly kind: "closed" };

const [cluster = "test", port = "0", queueBytesMax] = process.argv.slice(2);
const tellParent = (message: FromPeer) => process.send?.(message);
let isEcho = false;

const peers = await openGrpcPeers(
  {
    cluster,
    host: "127.0.0.1",
    port: Number(port),
    tls: null,
    clock: systemClock,
    entropy: systemEntropy,
    tell: () => undefined,
    ...(queueBytesMax === undefined ? {} : { queueBytesMax: Number(queueBytesMax) }),
  },
  {
    received: (from, frame) => {
      if (isEcho) peers.send(from, frame);
      else tellParent({ kind: "received", from, frame });
    },
    lost: (address) => tellParent({ kind: "lost", address }),
  },
);
process.on("message", (message: ToPeer) => {
  if (message.kind === "send") peers.send(message.to, message.frame);
  else if (message.kind === "forget") peers.forget(message.to);
  else if (message.kind === "echo") isEcho = true;
  else {
    void peers.close().then(() => {
      tellParent({ kind: "closed" });
      process.disconnect();
    });
  }
});
process.on("disconnect", () => process.exit());
tellParent({ kind: "opened", address: peers.address });
