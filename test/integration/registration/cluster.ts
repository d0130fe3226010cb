/** Several routers' registrations on one directory in memory, under a clock that the test moves. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { CommandCounts } from "../../../src/core/deployment/command-tally.js";
import type { ActiveDeployment } from "../../../src/core/input.js";
import { MemoryDirectory } from "../../../src/directory-memory/memory-directory.js";
import type { DirectoryPort } from "../../../src/ports/directory.js";
import type { DiscoverOutcome } from "../../../src/ports/invoker.js";
import { Registration, type RegistrationOptions } from "../../../src/router/registration.js";
import { ManualClock } from "./manual-clock.js";

export const CART = { type: "shop/cart", kind: "value", commands: [{ name: "add" }] };
export const URL_A = "http://a.example";
export const URL_B = "http://b.example";
export const LOOK_MS = 5_000;

export const manifest = (...types: readonly object[]): DiscoverOutcome => ({
  kind: "discovered",
  manifest: Buffer.from(JSON.stringify({ holdfast: "1", contracts: ["1"], encodings: ["json"], types })),
});

/** A directory that counts what it is asked, and can be broken. */
class Watched implements DirectoryPort {
  readonly real = new MemoryDirectory();
  readonly asked: string[] = [];
  isDown = false;
  /** Takes no change, and cannot say whether it did. */
  isFrozen = false;

  read(key: string) {
    this.asked.push(`read ${key}`);
    return this.isDown ? Promise.resolve({ kind: "failed", message: "throttled" } as const) : this.real.read(key);
  }

  list(prefix: string) {
    this.asked.push(`list ${prefix}`);
    return this.real.list(prefix);
  }

  swap(...[key, expected, document]: Parameters<DirectoryPort["swap"]>) {
    this.asked.push(`swap ${key}`);
    if (this.isFrozen) return Promise.resolve({ kind: "unknown", message: "throttled" } as const);
    return this.real.swap(key, expected, document);
  }

  remove(key: string, expected: string) {
    return this.real.remove(key, expected);
  }

  close() {
    return this.real.close();
  }
}

export class Cluster {
  readonly clock = new ManualClock();
  readonly directory = new Watched();
  readonly answers = new Map<string, DiscoverOutcome>([
    [URL_A, manifest(CART)],
    [URL_B, manifest(CART)],
  ]);

  async router(options: Partial<RegistrationOptions> = {}): Promise<Router> {
    const router = new Router(this, options);
    await router.registration.open();
    return router;
  }

  /** Time passes, and everything that comes of it is done. */
  async pass(ms: number): Promise<void> {
    await this.clock.pass(ms);
  }
}

export class Router {
  readonly registration: Registration;
  readonly said: string[] = [];
  active: readonly ActiveDeployment[] = [];
  published = 0;
  /** What became of commands here, by deployment. */
  readonly counts = new Map<string, CommandCounts>();

  constructor(cluster: Cluster, options: Partial<RegistrationOptions>) {
    const say = (_: object, message: string) => void this.said.push(message);
    this.registration = new Registration({
      directory: cluster.directory,
      clock: cluster.clock,
      entropy: { bytes: (length) => randomBytes(length) },
      functions: [],
      types: {},
      connect: ({ url }) => ({
        discover: async () => cluster.answers.get(url) ?? { kind: "unavailable", message: "connection refused" },
        invoke: async () => ({ kind: "complete" }),
        close: async () => undefined,
      }),
      changed: (deployments) => {
        this.active = deployments;
        this.published++;
      },
      openInvocations: () => 0,
      commandsOf: (id) => this.counts.get(id) ?? null,
      name: "router one",
      log: { info: say, warn: say, error: say },
      ...options,
    });
  }

  get serving(): string | undefined {
    return this.active.find(({ types }) => types.some(({ name }) => name === "shop/cart"))?.id;
  }

  async register(url: string): Promise<string> {
    const outcome = await this.registration.register(url, false);
    assert.ok(outcome.kind === "done" && outcome.deployment !== null, JSON.stringify(outcome));
    return outcome.deployment.id;
  }
}
