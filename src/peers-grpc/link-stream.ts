/** One gRPC stream to another node, dialled or accepted: messages of bytes both ways, and one end. */

/** What the two kinds of gRPC calls have in common. */
export interface Call {
  on(event: "data", listener: (message: Buffer) => void): unknown;
  on(event: "error", listener: (error: Error & { details?: string }) => void): unknown;
  on(event: "cancelled" | "end" | "close", listener: () => void): unknown;
  write(message: Buffer, written: () => void): boolean;
  end(): unknown;
}

export interface StreamListener {
  message(bytes: Uint8Array): void;
  /** The stream is over, and why. Called once; nothing comes after it, and it does not come after `cut`. */
  ended(reason: string): void;
}

/** What the two kinds of streams do differently. */
export interface StreamKind {
  /** Ends a stream at once and tells the other end why, if that is still possible. */
  cut(reason: string): void;
  /** The stream is over: lets go its connection. */
  release(): void;
}

export class LinkStream {
  readonly #call: Call;
  readonly #kind: StreamKind;
  /** Null once the stream is over for this end. */
  #listener: StreamListener | null;
  #bytesInFlight = 0;
  #isEnding = false;

  constructor(call: Call, kind: StreamKind, listener: StreamListener) {
    this.#call = call;
    this.#kind = kind;
    this.#listener = listener;
    // A plain array of bytes: what `slice` does to a Buffer is not what it does to those.
    call.on("data", (message: Buffer) =>
      this.#listener?.message(new Uint8Array(message.buffer, message.byteOffset, message.length)),
    );
    call.on("error", (error) => this.#over(error.details || error.message));
    call.on("cancelled", () => this.#over("the connection broke, or the other end cut it"));
    call.on("end", () => this.#over("the other end ended it"));
    call.on("close", () => this.#over("the connection closed"));
  }

  /** Who is listened to from now on. */
  listen(listener: StreamListener): void {
    if (this.#listener !== null) this.#listener = listener;
  }

  /** What was written and is not taken by the transport yet: its flow control shows here. */
  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  write(message: Buffer, written: () => void): void {
    if (this.#listener === null || this.#isEnding) return;
    this.#bytesInFlight += message.length;
    this.#call.write(message, () => {
      this.#bytesInFlight -= message.length;
      if (this.#listener !== null) written();
    });
  }

  /** Ends behind what was written. `ended` comes when the other end has ended too. */
  end(): void {
    if (this.#isEnding || this.#listener === null) return;
    this.#isEnding = true;
    this.#call.end();
  }

  cut(reason: string): void {
    if (this.#listener === null) return;
    this.#listener = null;
    this.#kind.cut(reason);
    this.#kind.release();
  }

  #over(reason: string): void {
    const listener = this.#listener;
    if (listener === null) return;
    this.#listener = null;
    this.#call.end();
    this.#kind.release();
    listener.ended(reason);
  }
}
