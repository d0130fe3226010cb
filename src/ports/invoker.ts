/**
 * The invoker: one call of a user function at one endpoint.
 *
 * Contract (test/contract/invoker.contract.ts): `invoke` calls `onEntity` for each entity's result as it arrives, in any
 * order, and resolves once, with how the call ended, also when `signal` aborts it. It never throws and never retries.
 * Results are decoded but not believed; the core checks them. Unavailable is told from faulty as `InvocationEnd` says.
 */
import type { EntityResult, InvocationEnd, InvocationRequest } from "../core/entity/invocation.js";

export type DiscoverOutcome =
  | {
      readonly kind: "discovered";
      readonly manifest: Uint8Array;
      /** What is registered, where that is more exact than what was asked: the version that an alias means. */
      readonly endpoint?: string;
      /** What the operator should know of it. */
      readonly notices?: readonly string[];
    }
  | { readonly kind: "unavailable"; readonly message: string }
  | { readonly kind: "malformed"; readonly message: string };

export interface InvokerPort {
  /** Encodes the request before it returns: views in it are valid only during the call. */
  invoke(
    request: InvocationRequest,
    trace: TraceContext | null,
    signal: AbortSignal,
    onEntity: (result: EntityResult) => void,
  ): Promise<InvocationEnd>;
  discover(signal: AbortSignal): Promise<DiscoverOutcome>;
  close(): Promise<void>;
}

/** W3C trace context, handed to the function. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate: string | null;
}
