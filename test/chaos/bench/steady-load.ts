/**
 * Commands at a fixed rate, each sent when it is due whatever became of those before, once, without a second try: so that what a
 * caller sees is what is measured.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Random } from "../../sim/random.js";
import { tryHttp } from "../cluster/http-try.js";
import type { RouterNode } from "../cluster/router-node.js";
import { Tally } from "../functions/contracts.js";

export interface Sample {
  readonly id: string;
  readonly node: string;
  readonly sentAtMs: number;
  readonly endedAtMs: number;
  /** Null: it was done; else what came instead. */
  readonly failure: string | null;
}

const DEADLINE_MS = 10_000;

export class SteadyLoad {
  readonly samples: Sample[] = [];
  readonly #under = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #random: Random;
  readonly #pick: () => { readonly id: string; readonly node: RouterNode };
  readonly #dueEveryMs: number;
  #sent = 0;
  readonly #beganAtMs = performance.now();

  constructor(seed: number, perSecond: number, ids: readonly string[], nodes: () => readonly RouterNode[]) {
    this.#random = new Random(seed, 4_000_037);
    this.#pick = () => ({ id: this.#random.pick(ids), node: this.#random.pick(nodes()) });
    this.#dueEveryMs = 1_000 / perSecond;
    this.#timer = setInterval(() => this.#sendDue(), Math.max(1, Math.min(10, this.#dueEveryMs)));
  }

  /** One that has gone on for a while, so that what is done next is done to a cluster at work. */
  static async underWay(forMs: number, ...load: ConstructorParameters<typeof SteadyLoad>): Promise<SteadyLoad> {
    const begun = new SteadyLoad(...load);
    await delay(forMs);
    return begun;
  }

  /** Of what was sent since then. */
  since(atMs: number): readonly Sample[] {
    return this.samples.filter(({ sentAtMs }) => sentAtMs >= atMs);
  }

  /** Resolves when all that was sent has been answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#under);
  }

  #sendDue(): void {
    while (this.#beganAtMs + this.#sent * this.#dueEveryMs <= performance.now()) {
      const dueAtMs = this.#beganAtMs + this.#sent++ * this.#dueEveryMs;
      const { id, node } = this.#pick();
      const sent = send(id, node, dueAtMs).then((sample) => {
        this.samples.push(sample);
        this.#under.delete(sent);
      });
      this.#under.add(sent);
    }
  }
}

/** One increment, whose time counts from when it was due. */
export async function send(id: string, node: RouterNode, dueAtMs = performance.now()): Promise<Sample> {
  const path = `/${Tally.type}/${id}/add`;
  const headers = { "holdfast-deadline": `${DEADLINE_MS}ms` };
  const failure = await tryHttp(node.ingressUrl, {
    method: "POST",
    path,
    body: '{"by":1}',
    headers,
    timeoutMs: DEADLINE_MS + 1_000,
  }).then(
    ({ status, code }) => (status === 200 ? null : `${status} ${code ?? ""}`),
    (error: Error) => error.message,
  );
  return { id, node: node.name, sentAtMs: dueAtMs, endedAtMs: performance.now(), failure };
}
