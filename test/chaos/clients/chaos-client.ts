/** One client: runs a program drawn from the seed, one command after the other, and keeps what it was told. */
import { Random } from "../../sim/random.js";
import type { RegisterOperation } from "../checkers/linearizable-register.js";
import type { Expectations } from "./expectations.js";
import type { Asked, Definite, Insistence } from "./insistence.js";
import type { Population } from "./population.js";

/** What all clients of a run share. */
export interface Surroundings {
  readonly insistence: Insistence;
  readonly expectations: Expectations;
  readonly population: Population;
  /** By register, in the order in which they were answered. */
  readonly registers: Map<string, RegisterOperation[]>;
}

export interface CommandKind {
  readonly name: string;
  /** How often it is drawn, compared with others. */
  readonly weight: number;
  /** False: there is nothing to do it with at this moment. */
  run(client: ChaosClient): Promise<boolean>;
}

interface Told {
  readonly asked: Asked;
  readonly definite: Definite;
}

/** Of what it was told, how much a client remembers to ask again. */
const TOLD_MAX = 200;

export class ChaosClient {
  readonly name: string;
  readonly index: number;
  /** Decides the program. */
  readonly random: Random;
  /** Decides nodes, deadlines and waits: what depends on time must not change the program. */
  readonly #luck: Random;
  readonly #surroundings: Surroundings;
  readonly #told: Told[] = [];
  #keys = 0;
  #answers = 0;
  /** Timers set and neither cancelled nor known to have rung: entity, name, by. */
  readonly timers: { readonly entity: string; readonly name: string; readonly by: number }[] = [];
  /** Lines in carts, neither bought nor removed by this client. */
  readonly lines: { readonly cart: string; readonly line: string }[] = [];
  /** Commands handed over whose outcome was not asked for. */
  readonly handedOver: { readonly entity: string; readonly commandId: string }[] = [];

  constructor(seed: number, index: number, surroundings: Surroundings) {
    this.index = index;
    this.name = `client-${index}`;
    this.random = new Random(seed, 2 * index);
    this.#luck = new Random(seed, 2 * index + 1);
    this.#surroundings = surroundings;
  }

  get expectations(): Expectations {
    return this.#surroundings.expectations;
  }

  get population(): Population {
    return this.#surroundings.population;
  }

  /** Unique among all clients. */
  newKey(): string {
    return `${this.index}-${++this.#keys}`;
  }

  async command(asked: Omit<Asked, "key"> & { readonly key?: string }): Promise<Definite> {
    const whole: Asked = { ...asked, key: asked.key ?? this.newKey() };
    const definite = await this.#surroundings.insistence.definitely(this.name, this.#luck, whole);
    this.#told[this.#answers++ % TOLD_MAX] = { asked: whole, definite };
    return definite;
  }

  /** A command that must be done: a refusal ends the run. */
  async done(asked: Omit<Asked, "key"> & { readonly key?: string }): Promise<string> {
    const definite = await this.command(asked);
    if (definite.kind === "replied") return definite.text;
    this.expectations.violations.push(`${asked.kind} of ${asked.entity} was refused with '${definite.code}'`);
    return "null";
  }

  read(path: string): ReturnType<Insistence["read"]> {
    return this.#surroundings.insistence.read(this.name, this.#luck, path);
  }

  readOnce(path: string): ReturnType<Insistence["readOnce"]> {
    return this.#surroundings.insistence.readOnce(this.name, this.#luck, path);
  }

  /** Something that was told before; null at the very beginning. */
  toldBefore(): Told | null {
    return this.#told.length === 0 ? null : this.random.pick(this.#told);
  }

  /** The same command under the same key, once more. */
  again(asked: Asked): Promise<Definite> {
    return this.#surroundings.insistence.definitely(this.name, this.#luck, asked);
  }

  registered(register: string, operation: RegisterOperation): void {
    const { registers } = this.#surroundings;
    const operations = registers.get(register);
    if (operations === undefined) registers.set(register, [operation]);
    else operations.push(operation);
  }

  /** Draws commands until `signal` aborts; the one at work is finished. */
  async run(
    kinds: readonly CommandKind[],
    thinkMsMax: number,
    signal: AbortSignal,
    count: (kind: string) => void,
  ): Promise<void> {
    const weights = kinds.reduce((sum, { weight }) => sum + weight, 0);
    while (!signal.aborted) {
      let left = this.random.unit() * weights;
      const kind = kinds.find(({ weight }) => (left -= weight) < 0) ?? this.random.pick(kinds);
      if (await kind.run(this)) count(kind.name);
      const thinkMs = this.#luck.between(0, thinkMsMax);
      await new Promise((resolve) => setTimeout(resolve, thinkMs));
    }
  }
}
