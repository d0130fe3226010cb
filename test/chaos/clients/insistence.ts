/**
 * Commands that are repeated under their key, at any node, until what came of them is definite: done or refused. What nobody
 * knows (no answer, 503, 504 and the like) is asked again.
 */
import type { Random } from "../../sim/random.js";
import { type HttpAnswer, tryHttp } from "../cluster/http-try.js";
import type { LoadBalancer } from "./load-balancer.js";

export interface Asked {
  /** For counts and messages: one of the command kinds. */
  readonly kind: string;
  /** Such as `chaos/tally/t1`. */
  readonly entity: string;
  readonly command: string;
  readonly input?: unknown;
  /** Such as `mode=send`. */
  readonly query?: string;
  readonly key: string;
}

export type Definite =
  | { readonly kind: "replied"; readonly status: number; readonly text: string }
  | { readonly kind: "refused"; readonly code: string };

/** A request that waits for its answer; for whoever asks what everybody waits for. */
export interface OpenTry {
  readonly client: string;
  readonly what: string;
  readonly beganAtMs: number;
  tries: number;
  node: string;
  last: string;
}

/** What no fault explains ends the run. */
export class UnexpectedAnswer extends Error {}

const DEADLINES_MS = [2_000, 5_000, 10_000];
/** What a try has on top of its deadline before its client hangs up. */
const GRACE_MS = 1_000;
/** Some clients lose patience: the command goes on without them, and they come back with its key. */
const IMPATIENT = 0.03;
const IMPATIENT_MS = 150;
const BACK_OFF_MS = 40;
const BACK_OFF_MS_MAX = 800;
const RETRYABLE = new Set([408, 429, 500, 502, 503, 504]);

export class Insistence {
  readonly #balancer: LoadBalancer;
  readonly open = new Set<OpenTry>();
  /** How often which answer was no definite one. */
  readonly indefinite = new Map<string, number>();
  tries = 0;
  /** Definite answers so far: as long as they come, something moves. */
  definite = 0;

  constructor(balancer: LoadBalancer) {
    this.#balancer = balancer;
  }

  async definitely(client: string, random: Random, asked: Asked): Promise<Definite> {
    const { kind, entity, command, query } = asked;
    const path = `/${entity}/${command}${query === undefined ? "" : `?${query}`}`;
    const one = this.#begin(client, `${kind} ${entity}/${command} under ${asked.key}`);
    try {
      for (let round = 1; ; round++) {
        const answer = await this.#try(one, random, "POST", path, { key: asked.key, input: asked.input });
        const definite = answer === null ? null : definiteOf(answer, `${kind} ${path}`);
        if (definite !== null) {
          this.definite++;
          return definite;
        }
        await pause(random, round);
      }
    } finally {
      this.open.delete(one);
    }
  }

  /** A read: until some node answers it. With the name of the node, and when the try that was answered began. */
  async read(client: string, random: Random, path: string): Promise<Shown> {
    for (let round = 1; ; round++) {
      const shown = await this.readOnce(client, random, path);
      if (shown !== null) return shown;
      await pause(random, round);
    }
  }

  /** Null: not answered. */
  async readOnce(client: string, random: Random, path: string): Promise<Shown | null> {
    const one = this.#begin(client, `GET ${path}`);
    try {
      const beganAtMs = performance.now();
      const answer = await this.#try(one, random, "GET", path, {});
      if (answer === null) return null;
      if (answer.status !== 200 && answer.status !== 202) {
        if (!RETRYABLE.has(answer.status)) throw new UnexpectedAnswer(`GET ${path}: ${answer.status} ${answer.text}`);
        return null;
      }
      this.definite++;
      return { status: answer.status, text: answer.text, node: one.node, beganAtMs, endedAtMs: performance.now() };
    } finally {
      this.open.delete(one);
    }
  }

  #begin(client: string, what: string): OpenTry {
    const one: OpenTry = { client, what, beganAtMs: performance.now(), tries: 0, node: "", last: "" };
    this.open.add(one);
    return one;
  }

  async #try(
    one: OpenTry,
    random: Random,
    method: "GET" | "POST",
    path: string,
    { key, input }: { readonly key?: string; readonly input?: unknown },
  ): Promise<HttpAnswer | null> {
    const node = await this.#balancer.pick(random);
    const deadlineMs = random.pick(DEADLINES_MS);
    const headers = { "holdfast-deadline": `${deadlineMs}ms`, ...(key !== undefined && { "idempotency-key": key }) };
    const timeoutMs = random.chance(IMPATIENT) ? IMPATIENT_MS : deadlineMs + GRACE_MS;
    one.node = node.name;
    one.tries++;
    this.tries++;
    try {
      const body = input === undefined ? {} : { body: JSON.stringify(input) };
      const answer = await tryHttp(node.ingressUrl, { method, path, headers, timeoutMs, ...body });
      one.last = `${answer.status} ${answer.code ?? ""} of ${node.name}`;
      if (answer.status >= 300 && RETRYABLE.has(answer.status)) this.#count(`${answer.status} ${answer.code ?? ""}`);
      return answer;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      one.last = `${message} of ${node.name}`;
      this.#count(code ?? "no answer");
      return null;
    }
  }

  #count(what: string): void {
    this.indefinite.set(what, (this.indefinite.get(what) ?? 0) + 1);
  }
}

export interface Shown {
  readonly status: number;
  readonly text: string;
  readonly node: string;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
}

/** Null: nobody knows, or nothing was begun. */
function definiteOf({ status, text, code, isByFunction }: HttpAnswer, what: string): Definite | null {
  if (status >= 200 && status < 300) return { kind: "replied", status, text };
  if (status === 409 && isByFunction && code !== null) return { kind: "refused", code };
  if (RETRYABLE.has(status)) return null;
  throw new UnexpectedAnswer(`${what}: ${status} ${text}`);
}

function pause(random: Random, round: number): Promise<void> {
  const ms = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS * 2 ** Math.min(round - 1, 8)) * random.between(0.5, 1);
  return new Promise((resolve) => setTimeout(resolve, ms));
}
