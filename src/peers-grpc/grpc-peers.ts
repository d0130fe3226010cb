/** The peer port over gRPC: one stream to each other node that frames were sent to or came from. */
import { MalformedBytes } from "../core/bytes/byte-reader.js";
import type { ClockPort, EntropyPort } from "../ports/clock.js";
import { FRAME_BYTES_MAX, type PeerListener, type PeerPort } from "../ports/peers.js";
import { Acceptor, type TakeStream } from "./acceptor.js";
import { Dialler } from "./dialler.js";
import { decodeHello, type Hello, helloProblem, NEWEST_VERSION, OLDEST_VERSION, SESSION_BYTES } from "./hello.js";
import { BEAT_MS, CLOSE_MS, QUEUE_BYTES_MAX, SILENT_BEATS_MAX, TLS_RELOAD_MS } from "./limits.js";
import { Lingering } from "./lingering.js";
import type { LinkStream, StreamListener } from "./link-stream.js";
import { Notices, type PeerNotice } from "./notices.js";
import { Peer, type PeerContext } from "./peer.js";
import { Tls, type TlsFiles } from "./tls.js";

export interface GrpcPeerOptions {
  /** The cluster's name: a node of another one is refused. */
  readonly cluster: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** The host, or `host:port`, that others reach this node at; else `host` and the port that it listens on. */
  readonly advertised?: string;
  /** Mutual TLS; null: plain, for networks that nobody else can reach. */
  readonly tls: TlsFiles | null;
  readonly clock: ClockPort;
  readonly entropy: EntropyPort;
  readonly tell: (notice: PeerNotice) => void;
  /** Bytes that may wait for one node. */
  readonly queueBytesMax?: number;
}

/** Opens the port, or throws: where the address is taken, or a certificate cannot be read. */
export async function openGrpcPeers(options: GrpcPeerOptions, listener: PeerListener): Promise<PeerPort> {
  const tls = options.tls === null ? null : await Tls.open(options.tls);
  return GrpcPeers.open(options, tls, listener);
}

class GrpcPeers implements PeerPort {
  readonly address: string;
  readonly #options: GrpcPeerOptions;
  readonly #acceptor: Acceptor;
  readonly #lingering: Lingering;
  readonly #context: PeerContext;
  readonly #peerByAddress = new Map<string, Peer>();
  /** Streams that have not said hello. */
  readonly #strangers = new Set<Stranger>();
  /** Peers with something to do at the end of this turn. */
  readonly #atTurnEnd = new Set<Peer>();
  #turn: NodeJS.Immediate | null = null;
  #cancelBeat: () => void;
  #cancelReload: () => void;
  #isClosed = false;
  /** Resolves `close` when the last link has ended. */
  #emptied: (() => void) | null = null;

  static async open(options: GrpcPeerOptions, tls: Tls | null, listener: PeerListener): Promise<GrpcPeers> {
    // Somebody may dial before the port is known, and so before there is a node that could answer.
    let take: TakeStream = (_from, open) =>
      open({ message: () => undefined, ended: () => undefined }).cut("the node is starting");
    const lingering = new Lingering(options.clock);
    const notices = new Notices(options.clock, options.tell);
    const tellStrange = (from: string) => notices.tell("warn", from, STRANGE);
    const acceptor = new Acceptor(lingering, tls, (from, open) => take(from, open), tellStrange);
    const port = await acceptor.listen(options.host, options.port);
    const peers = new GrpcPeers(options, tls, { acceptor, lingering, notices, port }, listener);
    take = (from, open) => peers.#accepted(from, open);
    return peers;
  }

  private constructor(
    options: GrpcPeerOptions,
    tls: Tls | null,
    { acceptor, lingering, notices, port }: Listening,
    listener: PeerListener,
  ) {
    this.#options = options;
    this.#acceptor = acceptor;
    this.#lingering = lingering;
    const { clock, cluster, entropy } = options;
    const advertised = options.advertised ?? (options.host.includes(":") ? `[${options.host}]` : options.host);
    this.address = /:[0-9]+$/.test(advertised) ? advertised : `${advertised}:${port}`;
    const session = Buffer.from(entropy.bytes(SESSION_BYTES)).toString("hex");
    const hello = { oldestVersion: OLDEST_VERSION, newestVersion: NEWEST_VERSION, cluster, address: this.address, session };
    const dialler = new Dialler(lingering, tls);
    let hellos = 0;
    this.#context = {
      clock,
      listener,
      cluster,
      address: this.address,
      notices,
      total: { bytes: 0 },
      queueBytesMax: options.queueBytesMax ?? QUEUE_BYTES_MAX,
      nextHello: () => ({ ...hello, number: ++hellos }),
      dial: (address, streamListener) => dialler.dial(address, streamListener),
      atTurnEnd: (peer) => this.#addAtTurnEnd(peer),
      remove: (peer) => this.#remove(peer),
    };
    this.#cancelBeat = this.#beatLater();
    this.#cancelReload = tls === null ? () => undefined : this.#reloadLater(tls);
  }

  send(address: string, frame: Uint8Array): void {
    if (frame.length > FRAME_BYTES_MAX) throw new RangeError(`a frame of ${frame.length} bytes`);
    if (address === this.address) throw new RangeError("a frame to this node itself");
    if (!this.#isClosed) this.#peer(address).send(frame);
  }

  forget(address: string): void {
    this.#peerByAddress.get(address)?.forget();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelReload();
    for (const stranger of this.#strangers) stranger.stream.cut(CLOSING);
    this.#strangers.clear();
    for (const peer of this.#peerByAddress.values()) peer.close();
    if (this.#peerByAddress.size > 0) await this.#untilEmpty();
    for (const peer of this.#peerByAddress.values()) peer.cut();
    this.#cancelBeat();
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#lingering.close();
    await this.#acceptor.close();
  }

  #untilEmpty(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(CLOSE_MS, resolve);
      this.#emptied = () => {
        cancel();
        resolve();
      };
    });
  }

  #peer(address: string): Peer {
    let peer = this.#peerByAddress.get(address);
    if (peer === undefined) this.#peerByAddress.set(address, (peer = new Peer(this.#context, address)));
    return peer;
  }

  #remove(peer: Peer): void {
    if (this.#peerByAddress.get(peer.address) === peer) this.#peerByAddress.delete(peer.address);
    if (this.#peerByAddress.size === 0) this.#emptied?.();
  }

  #addAtTurnEnd(peer: Peer): void {
    this.#atTurnEnd.add(peer);
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      const peers = [...this.#atTurnEnd];
      this.#atTurnEnd.clear();
      for (const each of peers) each.turn();
    });
  }

  #beatLater(): () => void {
    return this.#options.clock.after(BEAT_MS, () => {
      this.#cancelBeat = this.#beatLater();
      for (const peer of [...this.#peerByAddress.values()]) peer.beat();
      for (const stranger of this.#strangers) {
        if (++stranger.beats === SILENT_BEATS_MAX) this.#refuse(stranger, "no hello came");
      }
    });
  }

  /** Somebody has dialled: its first message has to be a hello that fits. */
  #accepted(from: string, open: (listener: StreamListener) => LinkStream): void {
    const stream = open({
      message: (bytes) => this.#greeted(stranger, bytes),
      ended: () => this.#strangers.delete(stranger),
    });
    const stranger: Stranger = { from, stream, beats: 0 };
    if (this.#isClosed) stream.cut(CLOSING);
    else this.#strangers.add(stranger);
  }

  #greeted(stranger: Stranger, bytes: Uint8Array): void {
    let hello: Hello;
    try {
      hello = decodeHello(bytes);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      return this.#refuse(stranger, `it does not speak as a node does: ${error.message}`);
    }
    const problem =
      helloProblem(hello, this.#options.cluster) ??
      (hello.address === this.address ? "it calls itself by this node's address" : null);
    if (problem !== null) return this.#refuse(stranger, problem);
    this.#strangers.delete(stranger);
    this.#peer(hello.address).offer(stranger.stream, hello);
  }

  #refuse(stranger: Stranger, problem: string): void {
    this.#strangers.delete(stranger);
    this.#context.notices.tell("warn", stranger.from, `refused: ${problem}`);
    stranger.stream.cut(`refused: ${problem}`);
  }

  #reloadLater(tls: Tls): () => void {
    return this.#options.clock.after(TLS_RELOAD_MS, () => {
      this.#cancelReload = this.#reloadLater(tls);
      tls.reload().then(
        (isNew) => isNew && this.#context.notices.tell("info", this.address, "new certificates are used from now on"),
        (error: Error) => this.#context.notices.tell("warn", this.address, `the certificates stay as they are: ${error.message}`),
      );
    });
  }
}

interface Listening {
  readonly acceptor: Acceptor;
  readonly lingering: Lingering;
  readonly notices: Notices;
  readonly port: number;
}

interface Stranger {
  /** Where the connection comes from. */
  readonly from: string;
  readonly stream: LinkStream;
  beats: number;
}

/** Noise, something that looks whether the port is open, or a node that TLS has turned away: which of them cannot be seen from here. */
const STRANGE = "a connection closed without the stream of a node: no router, or no certificate that the authority has signed";
const CLOSING = "the node is closing";
