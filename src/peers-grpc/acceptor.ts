/**
 * Accepts connections of other nodes and gives their streams on. The sockets are held here, so that a connection can be cut
 * although the other end reads nothing, connections are counted, and none outlives `close`.
 */
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from "node:net";
import { type ConnectionInjector, Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { CONNECTIONS_MAX } from "./limits.js";
import type { Lingerer, Lingering } from "./lingering.js";
import { LinkStream, type StreamKind, type StreamListener } from "./link-stream.js";
import { refusal, SERVER_OPTIONS, SERVICE } from "./peer-service.js";
import type { Tls } from "./tls.js";

/** Takes a stream that somebody dialled, from where. */
export type TakeStream = (from: string, open: (listener: StreamListener) => LinkStream) => void;

/** Hears of a connection that has closed without the stream of a node, and from where it came. */
export type TellStrange = (from: string) => void;

export class Acceptor {
  readonly #server = new Server(SERVER_OPTIONS);
  readonly #listening: NetServer;
  readonly #tls: Tls | null;
  readonly #socketByPeer = new Map<string, Socket>();
  readonly #lingering: Lingering;
  readonly #tellStrange: TellStrange;
  /** Where connections come from that have not opened a stream. */
  readonly #withoutStream = new Set<string>();
  #isClosed = false;
  #injector: { readonly credentials: ServerCredentials; readonly injector: ConnectionInjector } | null = null;

  constructor(lingering: Lingering, tls: Tls | null, take: TakeStream, tellStrange: TellStrange) {
    this.#lingering = lingering;
    this.#tls = tls;
    this.#tellStrange = tellStrange;
    this.#server.addService(SERVICE, {
      link: (call: ServerDuplexStream<Buffer, Buffer>) => {
        const from = call.getPeer();
        this.#withoutStream.delete(from);
        take(from, (listener) => new LinkStream(call, this.#kindOf(call, from), listener));
      },
    });
    this.#listening = createServer({ noDelay: true }, (socket) => this.#connected(socket));
    this.#listening.maxConnections = CONNECTIONS_MAX;
  }

  /** Gives the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#listening.once("error", reject);
      this.#listening.listen({ host, port }, () => {
        this.#listening.removeListener("error", reject);
        resolve((this.#listening.address() as AddressInfo).port);
      });
    });
  }

  /** Cuts what is still connected. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = new Promise<void>((resolve) => this.#listening.close(() => resolve()));
    for (const socket of this.#socketByPeer.values()) socket.destroy();
    await closed;
    this.#server.forceShutdown();
  }

  #connected(socket: Socket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#socketByPeer.set(peer, socket);
    this.#withoutStream.add(peer);
    socket.once("close", () => {
      this.#socketByPeer.delete(peer);
      if (this.#withoutStream.delete(peer) && !this.#isClosed) this.#tellStrange(peer);
    });
    // What HTTP/2 or TLS makes of noise ends the socket; an error that they leave to it must not end the process.
    socket.on("error", () => socket.destroy());
    this.#currentInjector().injectConnection(socket);
  }

  /** A new one where the certificates have changed: connections that are open keep the one they came with. */
  #currentInjector(): ConnectionInjector {
    const credentials = this.#tls?.serverCredentials() ?? PLAIN;
    if (this.#injector?.credentials !== credentials) {
      this.#injector = { credentials, injector: this.#server.createConnectionInjector(credentials) };
    }
    return this.#injector.injector;
  }

  #kindOf(call: ServerDuplexStream<Buffer, Buffer>, from: string): StreamKind {
    const socket = this.#socketByPeer.get(from);
    return {
      cut: (reason: string) => {
        call.emit("error", refusal(reason));
      },
      release: () => {
        // The one who dialled closes the connection when it has read the reason. If it does not, this end does.
        if (socket !== undefined) this.#lingering.add(lingererOf(socket));
      },
    };
  }
}

function lingererOf(socket: Socket): Lingerer {
  return {
    get isGone() {
      return socket.destroyed;
    },
    destroy: () => socket.destroy(),
    onClose: (listener) => socket.once("close", listener),
  };
}

const PLAIN = ServerCredentials.createInsecure();
