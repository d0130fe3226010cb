/** The parent's side of `peer-process.ts`. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { FromPeer, ToPeer } from "./peer-process.js";
import type { PeerEvent, TestNode } from "./test-node.js";

export interface ChildNode extends TestNode {
  readonly process: ChildProcess;
  echo(): void;
}

export async function childNode(cluster: string, port = 0, queueBytesMax?: number): Promise<ChildNode> {
  const args = [cluster, String(port), ...(queueBytesMax === undefined ? [] : [String(queueBytesMax)])];
  const child = fork(fileURLToPath(new URL("./peer-process.js", import.meta.url)), args, {
    serialization: "advanced",
    execArgv: [],
  });
  const events: PeerEvent[] = [];
  const opened = new Promise<string>((resolve, reject) => {
    child.once("exit", () => reject(new Error("the node's process has ended")));
    child.on("message", (message: FromPeer) => {
      if (message.kind === "opened") resolve(message.address);
      else if (message.kind !== "closed") events.push(message);
    });
  });
  const tell = (message: ToPeer) => child.connected && child.send(message);
  return {
    address: await opened,
    process: child,
    events,
    send: (to, frame) => tell({ kind: "send", to, frame }),
    forget: (to) => tell({ kind: "forget", to }),
    echo: () => tell({ kind: "echo" }),
    close: async () => {
      const gone = once(child, "exit");
      tell({ kind: "close" });
      await gone;
    },
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}
