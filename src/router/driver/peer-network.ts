/**
 * The links to other routers as the core speaks of them: by incarnation, in frames. Links go by address and carry bytes; one
 * process is one address, and has one incarnation after another.
 */
import type { Input } from "../../core/input.js";
import type { LogId } from "../../core/log/record.js";
import type { PeerCodec, PeerFrame } from "../../core/peers/frames.js";
import type { PeerListener, PeerPort } from "../../ports/peers.js";
import type { PeerSender } from "./incarnation.js";

export interface PeerNetworkOptions {
  readonly codec: PeerCodec;
  /** What came over a link is no frame that this version knows. For the operator's eyes. */
  readonly told: (address: string, problem: string) => void;
}

interface Current {
  readonly incarnation: LogId;
  submit(input: Input): void;
}

export class PeerNetwork implements PeerListener {
  readonly #options: PeerNetworkOptions;
  readonly #addressByLog = new Map<LogId, string>();
  #port: PeerPort | null = null;
  #current: Current | null = null;

  constructor(options: PeerNetworkOptions) {
    this.#options = options;
  }

  /** Where others reach this process. */
  get address(): string {
    return this.#port?.address ?? "";
  }

  /** The port calls this listener from now on. */
  open(port: PeerPort): void {
    this.#port = port;
  }

  /** The incarnation that lives from now on, in place of any before. What it submits to its core is called asynchronously. */
  attach(incarnation: LogId, submit: (input: Input) => void): PeerSender {
    this.#current = { incarnation, submit };
    return {
      send: (to, frame) => this.#send(incarnation, to, frame),
      known: (peers) => this.#known(peers),
    };
  }

  /** No incarnation lives for now: what arrives is dropped, as by a process that is gone. */
  detach(): void {
    this.#current = null;
  }

  received(address: string, bytes: Uint8Array): void {
    try {
      const { from, to, frame } = this.#options.codec.decode(bytes);
      // Before it was listed it may be asked already, and is answered there.
      if (!this.#addressByLog.has(from)) this.#addressByLog.set(from, address);
      this.#current?.submit({ kind: "peerReceived", from, to, frame });
    } catch (error) {
      this.#options.told(address, error instanceof Error ? error.message : String(error));
      // A frame is missing now: both ends have to know.
      this.#port?.forget(address);
      this.lost(address);
    }
  }

  lost(address: string): void {
    for (const [incarnation, known] of this.#addressByLog) {
      if (known === address) this.#current?.submit({ kind: "peerLost", incarnation });
    }
  }

  async close(): Promise<void> {
    this.#current = null;
    await this.#port?.close();
  }

  #send(from: LogId, to: LogId, frame: PeerFrame): void {
    const address = this.#addressByLog.get(to) ?? "";
    if (this.#port === null || address === "" || address === this.#port.address) {
      setImmediate(() => {
        if (this.#current?.incarnation === from) this.#current.submit({ kind: "peerLost", incarnation: to });
      });
      return;
    }
    this.#port.send(address, this.#options.codec.encode({ from, to, frame }));
  }

  #known(peers: readonly { readonly incarnation: LogId; readonly address: string }[]): void {
    const addresses = new Set(peers.map(({ address }) => address));
    for (const address of new Set(this.#addressByLog.values())) {
      if (!addresses.has(address) && address !== "") this.#port?.forget(address);
    }
    this.#addressByLog.clear();
    for (const { incarnation, address } of peers) this.#addressByLog.set(incarnation, address);
  }
}
