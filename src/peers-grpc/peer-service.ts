/**
 * The gRPC service: one method, a stream both ways, whose messages are bytes of our own format (docs/decisions/peer-links.md
 * says why). Neither end lets gRPC reconnect, retry, or go through a proxy: a stream that breaks must be seen to break.
 */
import { type ChannelOptions, type Metadata, type ServiceDefinition, status } from "@grpc/grpc-js";
import { CONNECTION_IDLE_MS, MESSAGE_BYTES_MAX, RECEIVE_WINDOW_BYTES } from "./limits.js";

export const METHOD_PATH = "/holdfast.peer.v1.PeerLink/Link";

export const SERVICE: ServiceDefinition = {
  link: {
    path: METHOD_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};

const BOTH_ENDS: ChannelOptions = {
  "grpc.enable_channelz": 0,
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc-node.flow_control_window": RECEIVE_WINDOW_BYTES,
};

export const CLIENT_OPTIONS: ChannelOptions = {
  ...BOTH_ENDS,
  "grpc.enable_retries": 0,
  "grpc.enable_http_proxy": 0,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.service_config_disable_resolution": 1,
  // Of any name: names are not looked at (tls.ts), and an address would not do as one.
  "grpc.ssl_target_name_override": "holdfast.peer",
};

export const SERVER_OPTIONS: ChannelOptions = {
  ...BOTH_ENDS,
  // A connection carries one link.
  "grpc.max_concurrent_streams": 4,
  "grpc.max_connection_idle_ms": CONNECTION_IDLE_MS,
};

/** What a server's stream is ended with when this end gives it up. */
export interface StreamRefusal {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

export function refusal(details: string): StreamRefusal {
  return { code: status.FAILED_PRECONDITION, details };
}

export function asIs(bytes: Buffer): Buffer {
  return bytes;
}
