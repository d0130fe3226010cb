/** A TCP proxy in front of a node: its address outlives the node, and the links to it can be cut or stalled in one direction. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class PeerProxy {
  /** The node's port; null: connections are refused. */
  target: number | null = null;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** The direction in which bytes are swallowed. */
  #stalled: "in" | "out" | null = null;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => this.#connected(socket));
  }

  static async open(): Promise<PeerProxy> {
    const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new PeerProxy(server);
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Breaks the connections there are. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** Nothing goes in, or out, any more, and nobody is told; null: it does again, for connections made from now on. */
  stall(direction: "in" | "out" | null): void {
    this.#stalled = direction;
  }

  async close(): Promise<void> {
    this.cut();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  #connected(near: Socket): void {
    near.on("error", () => near.destroy());
    if (this.target === null) return void near.destroy();
    const far = connect({ port: this.target, host: "127.0.0.1", noDelay: true });
    far.on("error", () => near.destroy());
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    near.on("data", (bytes) => this.#stalled !== "in" && this.#pass(near, far, bytes));
    far.on("data", (bytes) => this.#stalled !== "out" && this.#pass(far, near, bytes));
    for (const [one, other] of [pair, [far, near]] as const) {
      one.on("close", () => {
        other.destroySoon();
        this.#pairs.delete(pair);
      });
    }
  }

  #pass(from: Socket, to: Socket, bytes: Buffer): void {
    if (to.write(bytes)) return;
    from.pause();
    to.once("drain", () => from.resume());
  }
}
