/**
 * What stands before a node's peer port: hands bytes on, unless the node that they come from and the node that they go to are
 * cut off from one another. What is cut waits, as it does in a network that loses packets, and goes on when the cut is healed.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Whether bytes go from one node to another. Null: whoever it is, it is no node that is known. */
export type Passes = (from: string | null, to: string | null) => boolean;

export interface PeerProxyOptions {
  /** The node behind it. */
  readonly node: string;
  readonly port: number;
  readonly upstreamPort: number;
  /** The node that connects from this port. */
  readonly whoConnects: (port: number) => string | null;
  readonly passes: Passes;
}

interface Link {
  readonly from: string | null;
  readonly incoming: Socket;
  readonly outgoing: Socket;
}

export class PeerProxy {
  readonly #options: PeerProxyOptions;
  readonly #server: Server;
  readonly #links = new Set<Link>();

  private constructor(server: Server, options: PeerProxyOptions) {
    this.#server = server;
    this.#options = options;
    // Half-open as its ends are: who has ended its side still hears the other.
    server.on("connection", (incoming: Socket) => this.#take(incoming));
  }

  static async open(options: PeerProxyOptions): Promise<PeerProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(options.port, "127.0.0.1");
    await once(server, "listening");
    return new PeerProxy(server, options);
  }

  /** To be called when what passes has changed. `isReset`: connections that are cut break instead of waiting. */
  changed(isReset: boolean): void {
    for (const link of this.#links) {
      const { passesIn, passesOut } = this.#directions(link);
      if (isReset && !(passesIn && passesOut)) {
        link.incoming.resetAndDestroy();
        link.outgoing.resetAndDestroy();
        continue;
      }
      if (passesIn) link.incoming.resume();
      else link.incoming.pause();
      if (passesOut) link.outgoing.resume();
      else link.outgoing.pause();
    }
  }

  get state(): readonly string[] {
    return [...this.#links].map((link) => {
      const { passesIn, passesOut } = this.#directions(link);
      return `${link.from ?? "?"} ${passesOut ? "<" : "x"}-${passesIn ? ">" : "x"} ${this.#options.node}`;
    });
  }

  async close(): Promise<void> {
    for (const { incoming, outgoing } of this.#links) {
      incoming.destroy();
      outgoing.destroy();
    }
    this.#server.close();
    await once(this.#server, "close");
  }

  #directions({ from }: Link): { readonly passesIn: boolean; readonly passesOut: boolean } {
    const { node, passes } = this.#options;
    return { passesIn: passes(from, node), passesOut: passes(node, from) };
  }

  #take(incoming: Socket): void {
    const outgoing = connect({ port: this.#options.upstreamPort, host: "127.0.0.1", allowHalfOpen: true });
    const link: Link = { from: this.#options.whoConnects(incoming.remotePort ?? 0), incoming, outgoing };
    this.#links.add(link);
    join(incoming, outgoing);
    join(outgoing, incoming);
    incoming.setNoDelay(true);
    outgoing.setNoDelay(true);
    const ended = (): void => {
      incoming.destroy();
      outgoing.destroy();
      this.#links.delete(link);
    };
    for (const socket of [incoming, outgoing]) socket.on("error", ended).on("close", ended);
    this.changed(false);
  }
}

/** Not `pipe`: that would resume a cut socket when the other one drains. What a stopped node does not take waits here. */
function join(from: Socket, to: Socket): void {
  from.on("data", (chunk: Buffer) => to.write(chunk));
  from.on("end", () => to.end());
}
