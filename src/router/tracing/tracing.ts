/**
 * One trace from the ingress through the invocation to the commit, by the OpenTelemetry API. Whether anybody listens is
 * looked up once: without a provider a command costs one comparison, and a client's own trace context is passed on as it is.
 *
 *     holdfast.command    arrival ---------------------------------> answer
 *       holdfast.invocation     sent --------> ended                          (its context goes to the function)
 *       holdfast.commit                        ended --------------> answer   (durable, then answered)
 */
import type { IncomingHttpHeaders } from "node:http";
import {
  type Context,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { type Metadata, NO_METADATA } from "../../core/entity/command.js";
import type { InvocationRequest } from "../../core/entity/invocation.js";
import type { TraceContext } from "../../ports/invoker.js";

/** The name under which the trace context travels with a command. */
export const TRACEPARENT = "traceparent";
export const TRACESTATE = "tracestate";

/** The trace of one command, from its arrival to its answer. */
export interface CommandTrace {
  /** Travels with the command. */
  readonly metadata: Metadata;
  ended(outcome: string): void;
}

export interface Tracing {
  /** Null: there is nothing to pass on, and nobody listens. */
  commandArrived(headers: IncomingHttpHeaders, type: string, name: string): CommandTrace | null;
  /** The context that goes to the function. */
  invocationStarted(attempt: number, deployment: string, request: InvocationRequest): TraceContext | null;
  invocationEnded(attempt: number, kind: string): void;
}

/** The tracing that fits what is registered now. */
export function makeTracing(): Tracing {
  const provider = trace.getTracerProvider();
  const tracer =
    provider instanceof ProxyTracerProvider ? provider.getDelegateTracer("holdfast") : provider.getTracer("holdfast");
  return tracer === undefined ? PASS_THROUGH : new ActiveTracing(tracer);
}

/** `00-{trace id}-{span id}-{flags}`; anything else is not passed on. */
const FORM = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
/** As long as the specification lets it be. */
const TRACESTATE_CHARACTERS_MAX = 512;

const PASS_THROUGH: Tracing = {
  commandArrived(headers) {
    const metadata = receivedMetadata(headers);
    return metadata === NO_METADATA ? null : { metadata, ended: () => undefined };
  },
  invocationStarted(_attempt, _deployment, request) {
    return onlyContextOf(request);
  },
  invocationEnded() {
    // Nobody listens.
  },
};

class ActiveTracing implements Tracing {
  readonly #tracer: Tracer;
  /** Commands under way, by the context that travels with them. As many as requests are open. */
  readonly #commandByContext = new Map<string, ActiveCommand>();
  readonly #invocations = new Map<number, { readonly span: Span; readonly commands: readonly ActiveCommand[] }>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  commandArrived(headers: IncomingHttpHeaders, type: string, name: string): CommandTrace {
    const parent = contextOf(headers[TRACEPARENT]);
    const attributes = { "holdfast.type": type, "holdfast.command": name };
    const span = this.#tracer.startSpan("holdfast.command", { kind: SpanKind.SERVER, attributes }, parent ?? ROOT_CONTEXT);
    const traceparent = traceparentOf(span.spanContext());
    const state = parent === null ? undefined : headers[TRACESTATE];
    const metadata: Metadata = [[TRACEPARENT, traceparent], ...(typeof state === "string" ? [[TRACESTATE, state] as const] : [])];
    const command = new ActiveCommand(this.#tracer, span, metadata, () => this.#commandByContext.delete(traceparent));
    this.#commandByContext.set(traceparent, command);
    return command;
  }

  invocationStarted(attempt: number, deployment: string, request: InvocationRequest): TraceContext {
    const commands: ActiveCommand[] = [];
    const contexts: string[] = [];
    for (const { metadata } of allCommands(request)) {
      const traceparent = metadataValue(metadata, TRACEPARENT);
      if (traceparent === null) continue;
      contexts.push(traceparent);
      const command = this.#commandByContext.get(traceparent);
      if (command !== undefined) commands.push(command);
    }
    // An invocation has many commands and a span one parent: the first command's trace shows it, the others link to it.
    const parent = contextOf(contexts[0]);
    const links = contexts.slice(1).flatMap((one) => {
      const context = spanContextOf(one);
      return context === null ? [] : [{ context }];
    });
    const attributes = { "holdfast.deployment": deployment, "holdfast.entities": request.entities.length };
    const span = this.#tracer.startSpan(
      "holdfast.invocation",
      { kind: SpanKind.CLIENT, attributes, links },
      parent ?? ROOT_CONTEXT,
    );
    this.#invocations.set(attempt, { span, commands });
    return { traceparent: traceparentOf(span.spanContext()), tracestate: null };
  }

  invocationEnded(attempt: number, kind: string): void {
    const invocation = this.#invocations.get(attempt);
    if (invocation === undefined) return;
    this.#invocations.delete(attempt);
    if (kind !== "complete") invocation.span.setStatus({ code: SpanStatusCode.ERROR, message: kind });
    invocation.span.end();
    for (const command of invocation.commands) command.invocationEndedAtMs = Date.now();
  }
}

class ActiveCommand implements CommandTrace {
  readonly metadata: Metadata;
  invocationEndedAtMs: number | null = null;
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #forget: () => void;

  constructor(tracer: Tracer, span: Span, metadata: Metadata, forget: () => void) {
    this.#tracer = tracer;
    this.#span = span;
    this.metadata = metadata;
    this.#forget = forget;
  }

  ended(outcome: string): void {
    this.#forget();
    if (this.invocationEndedAtMs !== null) {
      const context = trace.setSpan(ROOT_CONTEXT, this.#span);
      this.#tracer.startSpan("holdfast.commit", { startTime: this.invocationEndedAtMs }, context).end();
    }
    this.#span.setAttribute("holdfast.outcome", outcome);
    if (outcome === "failed" || outcome === "problem") this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end();
  }
}

function receivedMetadata(headers: IncomingHttpHeaders): Metadata {
  const traceparent = headers[TRACEPARENT];
  if (typeof traceparent !== "string" || !FORM.test(traceparent)) return NO_METADATA;
  const state = headers[TRACESTATE];
  const isPassed = typeof state === "string" && state.length <= TRACESTATE_CHARACTERS_MAX;
  return isPassed
    ? [
        [TRACEPARENT, traceparent],
        [TRACESTATE, state],
      ]
    : [[TRACEPARENT, traceparent]];
}

/** The context of all commands of the invocation, where there is exactly one. */
function onlyContextOf(request: InvocationRequest): TraceContext | null {
  let only = null as TraceContext | null;
  for (const { metadata } of allCommands(request)) {
    if (metadata.length === 0) continue;
    const traceparent = metadataValue(metadata, TRACEPARENT);
    if (traceparent === null || traceparent === only?.traceparent) continue;
    if (only !== null) return null;
    only = { traceparent, tracestate: metadataValue(metadata, TRACESTATE) };
  }
  return only;
}

function* allCommands(request: InvocationRequest): Iterable<{ readonly metadata: Metadata }> {
  for (const entity of request.entities) yield* entity.commands;
}

function metadataValue(metadata: Metadata, name: string): string | null {
  for (const [key, value] of metadata) if (key === name) return value;
  return null;
}

function contextOf(traceparent: string | readonly string[] | undefined): Context | null {
  const context = typeof traceparent === "string" ? spanContextOf(traceparent) : null;
  return context === null ? null : trace.setSpanContext(ROOT_CONTEXT, context);
}

function spanContextOf(traceparent: string): SpanContext | null {
  const match = FORM.exec(traceparent);
  if (match === null) return null;
  const [, traceId = "", spanId = "", flags = "00"] = match;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
