/** Dials other nodes: a channel of its own for each stream, closed with it. */
import { ChannelCredentials, Client } from "@grpc/grpc-js";
import { HeldConnection } from "./held-connection.js";
import type { Lingering } from "./lingering.js";
import { LinkStream, type StreamListener } from "./link-stream.js";
import { asIs, CLIENT_OPTIONS, METHOD_PATH } from "./peer-service.js";
import type { Tls } from "./tls.js";

export class Dialler {
  readonly #lingering: Lingering;
  readonly #tls: Tls | null;
  readonly #plain = ChannelCredentials.createInsecure();

  constructor(lingering: Lingering, tls: Tls | null) {
    this.#lingering = lingering;
    this.#tls = tls;
  }

  /** Always gives a stream; what goes wrong ends it. */
  dial(address: string, listener: StreamListener): LinkStream {
    const connection = new HeldConnection(this.#tls?.channelCredentials() ?? this.#plain);
    const client = new Client(`dns:${address}`, connection, CLIENT_OPTIONS);
    const call = client.makeBidiStreamRequest(METHOD_PATH, asIs, asIs);
    const release = (): void => {
      client.close();
      this.#lingering.add(connection);
    };
    return new LinkStream(call, { cut: () => call.cancel(), release }, listener);
  }
}
