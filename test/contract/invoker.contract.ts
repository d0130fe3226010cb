/** What every invoker promises (src/ports/invoker.ts). Each adapter's test calls `invokerContract` with a factory. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EntityResult, InvocationEnd, InvocationRequest } from "../../src/core/entity/invocation.js";
import type { InvokerPort, TraceContext } from "../../src/ports/invoker.js";

/** What a scripted function is asked. */
export interface ScriptedRequest {
  readonly contentType: string;
  readonly accept: string;
  readonly body: Uint8Array;
  readonly trace: TraceContext | null;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

/** `break`: the function dies here. `never`: it says nothing more. A promise: it goes on when that resolves. */
export type Step = string | Uint8Array | "break" | "never" | Promise<void>;

export interface ScriptedAnswer {
  readonly status?: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly steps: Iterable<Step>;
}

export type ScriptedFunction = (request: ScriptedRequest) => ScriptedAnswer;

export interface InvokerUnderTest {
  readonly invoker: InvokerPort;
  readonly dispose: () => Promise<void>;
}

export const ANSWER_BYTES_MAX = 1 << 20;

export type CreateInvoker = (callee: ScriptedFunction) => Promise<InvokerUnderTest>;

/** What a transport has beside the contract's bytes. */
export interface TransportTraits {
  /** Statuses, content types and headers, and a function that notices when its caller has gone. */
  readonly isHttp: boolean;
  /** Bytes arrive before the answer ends. */
  readonly streams: boolean;
}

const HTTP: TransportTraits = { isHttp: true, streams: true };

export function invokerContract(name: string, create: CreateInvoker, traits: TransportTraits = HTTP): void {
  const under = (title: string, callee: ScriptedFunction, run: (calls: Calls) => Promise<void>) =>
    test(title, { timeout: 20_000 }, async () => {
      const { invoker, dispose } = await create(callee);
      const keepAlive = setInterval(() => undefined, 1_000);
      try {
        await run(new Calls(invoker));
      } finally {
        clearInterval(keepAlive);
        await dispose();
      }
    });

  describe(`invoker contract: ${name}`, () => {
    answered(under, traits);
    if (traits.streams) streamed(under);
    lined(under);
    hostile(under, traits);
    if (traits.isHttp) unavailable(under);
    ended(under, traits);
    discovered(under, traits);
  });
}

type Malformed = readonly [what: string, answer: ScriptedAnswer, code: string];
type Under = (title: string, callee: ScriptedFunction, run: (calls: Calls) => Promise<void>) => void;

function answered(under: Under, { isHttp }: TransportTraits): void {
  let asked: ScriptedRequest | null = null;
  under(
    "one document answers all entities, and the function sees the request and the trace",
    (request) => {
      asked = request;
      return documentOf(2);
    },
    async (calls) => {
      const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=b" };
      const { results, end } = await calls.invoke(requestOf(2), { trace });
      assert.deepEqual(end, { kind: "complete" });
      assert.deepEqual(
        results.map(({ n, state }) => [n, text(state)]),
        [
          [0, `{"count":0}`],
          [1, `{"count":1}`],
        ],
      );
      if (isHttp) {
        assert.equal(asked?.contentType, "application/json");
        assert.match(asked?.accept ?? "", /application\/x-ndjson/);
      }
      assert.deepEqual(asked?.trace, trace);
      const parsed = JSON.parse(text(asked?.body));
      assert.equal(parsed.invocation, "i.1");
      assert.deepEqual(parsed.entities[1].state, { by: 1.1 });
    },
  );

  under(
    "64 calls at once each get their own answer",
    (request) => documentOf(1, JSON.parse(text(request.body)).invocation),
    async (calls) => {
      const ends = await Promise.all(
        Array.from({ length: 64 }, (_, index) => calls.invoke({ ...requestOf(1), invocation: `i.${index}` })),
      );
      assert.deepEqual(new Set(ends.map(({ end }) => end.kind)), new Set(["complete"]));
    },
  );

  under(
    "payloads come back byte for byte",
    answerWith("application/json", [
      documentText(`{"n":0,"state":[1e999, 1.10,"\\ud800"],"outcomes":[{"n":0,"reply":12345678901234567890}]}`),
    ]),
    async (calls) => {
      const { results } = await calls.invoke(requestOf(1));
      const outcome = results[0]?.outcomes[0];
      assert.equal(text(results[0]?.state), `[1e999, 1.10,"\\ud800"]`);
      assert.equal(outcome?.kind === "done" && text(outcome.reply), "12345678901234567890");
    },
  );

  under(
    "an unknown effect faults its entity alone",
    answerWith("application/json", [documentText(`{"n":0,"outcomes":[{"n":0,"effects":[{"explode":{}}]}]},${entityText(1)}`)]),
    async (calls) => {
      const { results, end } = await calls.invoke(requestOf(2));
      assert.equal(end.kind, "complete");
      assert.deepEqual(
        results.map(({ outcomes }) => outcomes[0]?.kind),
        ["faulted", "done"],
      );
    },
  );
}

function streamed(under: Under): void {
  let goOn = (): void => undefined;
  under(
    "a streamed answer is handed on entity by entity, before it ends",
    () => {
      const gate = new Promise<void>((resolve) => (goOn = resolve));
      return { contentType: "application/x-ndjson", steps: [`${entityText(1)}\n`, gate, `${entityText(0)}\n`, `{"end":2}\n`] };
    },
    async (calls) => {
      const call = calls.start(requestOf(2));
      while (call.results.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      assert.deepEqual(
        call.results.map(({ n }) => n),
        [1],
      );
      goOn();
      assert.deepEqual(await call.end, { kind: "complete" });
      assert.deepEqual(
        call.results.map(({ n }) => n),
        [1, 0],
      );
    },
  );

  under(
    "a stream that breaks yields what was complete, and is cut",
    answerWith("application/x-ndjson", [`${entityText(1)}\n{"n":0,"outc`, "break"]),
    async (calls) => {
      const { results, end } = await calls.invoke(requestOf(2));
      assert.deepEqual([results.map(({ n }) => n), end.kind], [[1], "cut"]);
    },
  );

  under(
    "what a stream says behind its last line is not waited for",
    answerWith("application/x-ndjson", [`${entityText(0)}\n{"end":1}\n`, "never"]),
    async (calls) => {
      assert.equal((await calls.invoke(requestOf(1, 10_000))).end.kind, "complete");
    },
  );
}

/** The same form where it is not handed on as it comes. */
function lined(under: Under): void {
  under(
    "one line for each entity answers them, in any order",
    answerWith("application/x-ndjson", [`${entityText(1)}\n`, `${entityText(0)}\n{"end":2}\n`]),
    async (calls) => {
      const { results, end } = await calls.invoke(requestOf(2));
      assert.deepEqual([results.map(({ n }) => n), end.kind], [[1, 0], "complete"]);
    },
  );

  under(
    "a stream that stops without its last line is cut",
    answerWith("application/x-ndjson", [`${entityText(0)}\n`]),
    async (calls) => {
      const { results, end } = await calls.invoke(requestOf(1));
      assert.deepEqual([results.length, end.kind], [1, "cut"]);
    },
  );
}

function hostile(under: Under, { isHttp, streams }: TransportTraits): void {
  const http: readonly Malformed[] = [
    ["another content type", { contentType: "text/html", steps: ["<html>"] }, "answer_content_type"],
    [
      "a redirect",
      { status: 302, contentType: "text/plain", headers: { location: "http://127.0.0.1:1/x" }, steps: [] },
      "answer_redirect",
    ],
    ["404", { status: 404, contentType: "text/plain", steps: ["no such page"] }, "answer_status"],
  ];
  const endlessAnswer: Malformed = [
    "more without an end",
    { contentType: "application/x-ndjson", steps: endless(`"${"x".repeat(100_000)}`) },
    "answer_too_large",
  ];
  const malformed: readonly Malformed[] = [
    ...(isHttp ? http : []),
    ...(streams ? [endlessAnswer] : []),
    ["no JSON", { contentType: "application/json", steps: ["<html>"] }, "answer_not_json"],
    ["an answer for another invocation", documentOf(1, "i.2"), "answer_wrong_invocation"],
    ["an entity that was not asked for", documentOf(5), "answer_wrong_entity"],
    ["nothing", { contentType: "application/json", steps: [] }, "answer_empty"],
    ["nothing, in a stream", { contentType: "application/x-ndjson", steps: [] }, "answer_empty"],
    ["too much", { contentType: "application/json", steps: Array(50).fill("x".repeat(1 << 20)) }, "answer_too_large"],
    [
      "nesting without an end",
      { contentType: "application/json", steps: [documentText(`{"n":0,"state":${"[".repeat(500_000)}`)] },
      "answer_not_json",
    ],
  ];
  for (const [what, answer, code] of malformed) {
    under(
      `${what} is malformed: ${code}`,
      () => answer,
      async (calls) => {
        const { results, end } = await calls.invoke(requestOf(2));
        assert.deepEqual([end.kind, end.kind === "malformed" && end.code], ["malformed", code]);
        assert.deepEqual(results, []);
      },
    );
  }

  under(
    "a function that crashes is cut: with 500, or before a word",
    (request) => {
      return text(request.body).includes(`"i.2"`)
        ? { steps: ["break"] }
        : { status: 500, contentType: "text/plain", steps: ["TypeError: x is not a function"] };
    },
    async (calls) => {
      const { end } = await calls.invoke(requestOf(1));
      assert.equal(end.kind, "cut");
      assert.match(end.kind === "cut" ? end.message : "", isHttp ? /^HTTP 500: TypeError: x is not/ : /TypeError: x is not/);
      const again = { ...requestOf(1), invocation: "i.2" };
      const kinds: string[] = [];
      for (let call = 0; call < 4; call++) kinds.push((await calls.invoke(again)).end.kind);
      // One may be taken for a kept connection that the server closed.
      assert.ok(kinds.filter((kind) => kind === "cut").length >= 3, kinds.join());
    },
  );
}

function unavailable(under: Under): void {
  for (const status of [429, 502, 503, 504]) {
    const answer = { status, contentType: "text/plain", headers: { "retry-after": "7" }, steps: ["busy"] };
    under(
      `${status} is unavailable, and says when to come again`,
      () => answer,
      async (calls) => {
        const { end } = await calls.invoke(requestOf(1));
        assert.deepEqual(end, { kind: "unavailable", message: `HTTP ${status}: busy`, retryAfterMs: 7_000 });
      },
    );
  }
}

const NEVER_ENDING_ERROR = [
  "never ends its error",
  { status: 500, contentType: "text/plain", steps: ["x", "never"] },
] as const satisfies readonly [string, ScriptedAnswer];

function ended(under: Under, { isHttp, streams }: TransportTraits): void {
  const silent: readonly (readonly [string, ScriptedAnswer])[] = [
    ["never answers", { contentType: "application/json", steps: ["never"] }],
    ["never ends its answer", { contentType: "application/json", steps: ["{", "never"] }],
    ...(isHttp ? [NEVER_ENDING_ERROR] : []),
    ["never ends its stream", { contentType: "application/x-ndjson", steps: [`${entityText(0)}\n`, "never"] }],
  ];
  for (const [what, answer] of silent) {
    under(
      `a function that ${what} times out at its deadline`,
      () => answer,
      async (calls) => {
        const started = performance.now();
        const { end } = await calls.invoke(requestOf(2, 150));
        assert.deepEqual(end, { kind: "timeout", message: "no complete answer within 150 ms" });
        assert.ok(performance.now() - started >= 145);
      },
    );
  }

  under(
    isHttp ? "an abort ends the call at once, and the function hears of it" : "an abort ends the call at once",
    (request) => {
      began();
      request.signal.addEventListener("abort", () => heard());
      return { contentType: "application/x-ndjson", steps: [`${entityText(0)}\n`, "never"] };
    },
    async (calls) => {
      const hears = new Promise<void>((resolve) => (heard = resolve));
      const begins = new Promise<void>((resolve) => (began = resolve));
      const controller = new AbortController();
      const call = calls.start(requestOf(2, 10_000), { signal: controller.signal });
      await begins;
      while (streams && call.results.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      controller.abort();
      assert.equal((await call.end).kind, "cut");
      if (isHttp) await hears;
    },
  );
  let heard = (): void => undefined;
  let began = (): void => undefined;

  under(
    "a call that is aborted before it starts is not made",
    () => assert.fail("called"),
    async (calls) => {
      assert.equal((await calls.invoke(requestOf(1), { signal: AbortSignal.abort() })).end.kind, "cut");
    },
  );

  under(
    "closing ends the calls that run",
    () => ({ steps: ["never"] }),
    async (calls) => {
      const call = calls.start(requestOf(1, 10_000));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await calls.invoker.close();
      assert.equal((await call.end).kind, "cut");
    },
  );
}

const STATUSES: readonly (readonly [string, ScriptedAnswer, string])[] = [
  ["404", { status: 404, steps: ["?"] }, "malformed"],
  ["503", { status: 503, steps: ["?"] }, "unavailable"],
];

function discovered(under: Under, { isHttp }: TransportTraits): void {
  const manifest = `{"holdfast":"1","types":[]}`;
  under(
    "discovery hands the manifest on as it is",
    (request) => answerIf(text(request.body) === `{"holdfast":"1","kind":"discover"}`, manifest),
    async ({ invoker }) => {
      const outcome = await invoker.discover(AbortSignal.timeout(5_000));
      assert.equal(outcome.kind === "discovered" && text(outcome.manifest), manifest);
    },
  );

  const outcomes: readonly (readonly [string, ScriptedAnswer, string])[] = [
    ["no JSON", { contentType: "application/json", steps: ["<html>"] }, "malformed"],
    ...(isHttp ? STATUSES : []),
    ["5 MB", { contentType: "application/json", steps: Array(5).fill(" ".repeat(1 << 20)) }, "malformed"],
    ["a crash", { steps: ["break"] }, "unavailable"],
  ];
  for (const [what, answer, kind] of outcomes) {
    under(
      `${what} is a discovery that is ${kind}`,
      () => answer,
      async ({ invoker }) => {
        assert.equal((await invoker.discover(AbortSignal.timeout(5_000))).kind, kind);
      },
    );
  }
}

/** Calls through the invoker, with what came of them. */
class Calls {
  readonly invoker: InvokerPort;

  constructor(invoker: InvokerPort) {
    this.invoker = invoker;
  }

  start(request: InvocationRequest, options: { trace?: TraceContext; signal?: AbortSignal } = {}): Call {
    const results: EntityResult[] = [];
    const signal = options.signal ?? new AbortController().signal;
    let hasEnded = false;
    const end = this.invoker.invoke(request, options.trace ?? null, signal, (result) => {
      assert.ok(!hasEnded, "no result comes after the end");
      results.push(result);
    });
    return { results, end: end.finally(() => (hasEnded = true)) };
  }

  async invoke(request: InvocationRequest, options: { trace?: TraceContext; signal?: AbortSignal } = {}) {
    const call = this.start(request, options);
    return { end: await call.end, results: call.results };
  }
}

interface Call {
  readonly results: readonly EntityResult[];
  readonly end: Promise<InvocationEnd>;
}

export function requestOf(entities: number, deadlineMs = 10_000): InvocationRequest {
  const command = (n: number) => ({
    n: 0,
    id: `c${n}`,
    name: "add",
    isQuery: false,
    input: bytes("1"),
    nowMs: 0,
    attempt: 1,
    caller: null,
    metadata: [],
    answer: null,
  });
  const entity = (_: unknown, n: number) => ({
    n,
    type: "a/b",
    id: `${n}`,
    version: n,
    stateVersion: 1,
    state: bytes(`{"by":1.1}`),
    events: [],
    commands: [command(n)],
  });
  return { invocation: "i.1", deadlineMs, entities: Array.from({ length: entities }, entity) };
}

export function entityText(n: number): string {
  return `{"n":${n},"state":{"count":${n}},"outcomes":[{"n":0,"reply":${n}}]}`;
}

function documentText(entities: string, invocation = "i.1"): string {
  return `{"holdfast":"1","invocation":"${invocation}","entities":[${entities}]}`;
}

function documentOf(entities: number, invocation = "i.1"): ScriptedAnswer {
  const texts = Array.from({ length: entities }, (_, n) => entityText(n)).join(",");
  return { contentType: "application/json", steps: [documentText(texts, invocation)] };
}

function answerWith(contentType: string, steps: readonly Step[]): ScriptedFunction {
  return () => ({ contentType, steps });
}

function answerIf(isRight: boolean, body: string): ScriptedAnswer {
  return isRight ? { contentType: "application/json", steps: [body] } : { status: 400, steps: ["unexpected request"] };
}

function* endless(step: string): Generator<string> {
  for (;;) yield step;
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: Uint8Array | null | undefined): string {
  return new TextDecoder().decode(value ?? new Uint8Array(0));
}
