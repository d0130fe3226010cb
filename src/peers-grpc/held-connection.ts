/**
 * Channel credentials that keep hold of the connection that is made with them. A gRPC channel that is closed only asks its
 * connection to end; where the other end is stopped or cut off that never happens, and each dial would leave a socket behind.
 */
import type { Socket } from "node:net";
import { type CallCredentials, ChannelCredentials, type ChannelOptions, type experimental } from "@grpc/grpc-js";

export class HeldConnection extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  #socket: Socket | null = null;
  #isReleased = false;

  constructor(inner: ChannelCredentials) {
    super();
    this.#inner = inner;
  }

  /** The connection, if it is still there, is of no use to anybody. */
  destroy(): void {
    this.#isReleased = true;
    this.#socket?.destroy();
  }

  get isGone(): boolean {
    return this.#socket === null || this.#socket.destroyed;
  }

  onClose(listener: () => void): void {
    this.#socket?.once("close", listener);
  }

  override _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(target: experimental.GrpcUri, options: ChannelOptions, calls?: CallCredentials) {
    const connector = this.#inner._createSecureConnector(target, options, calls);
    return {
      connect: (socket: Socket) => {
        this.#socket = socket;
        if (this.#isReleased) return Promise.reject(new Error("given up while it was being made"));
        return connector.connect(socket);
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }
}
