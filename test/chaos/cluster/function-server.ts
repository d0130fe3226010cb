/** The functions of a run, in a process of their own that can be killed and started at the same address. */
import { type Child, startEntry } from "../../e2e/child.js";
import { keptPort } from "./ports.js";

export class ChaosFunctions {
  readonly url: string;
  readonly #port: number;
  #child: Child | null = null;

  private constructor(port: number) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async started(): Promise<ChaosFunctions> {
    const functions = new ChaosFunctions(await keptPort());
    await functions.start();
    return functions;
  }

  get isUp(): boolean {
    return this.#child !== null && !this.#child.hasExited;
  }

  get pid(): number | null {
    return this.isUp ? (this.#child?.pid ?? null) : null;
  }

  async start(): Promise<void> {
    if (this.isUp) return;
    this.#child = startEntry("../chaos/functions/function-entry", String(this.#port));
    await this.#child.said(/functions on/);
  }

  async kill(): Promise<void> {
    await this.#child?.kill();
  }
}
