/** A node's way to DynamoDB and S3: a proxy of its own, with faults at a rate, storms of them, and a cut that lets nothing through. */

import { AwsProxy, PASS, type ProxiedRequest, type Treatment } from "../../aws/fault-proxy/aws-proxy.js";
import type { AwsService } from "../../aws/fault-proxy/aws-request.js";
import { Faults } from "../../aws/fault-proxy/faults.js";

/** Longer than the lease (3 s): what a node sent while it was the owner lands when another one is. */
const DELAY_MS_MAX = 5_000;
const STORM_RATE = 0.3;
const STORM_DELAY_MS_MAX = 2_000;

export type StoreCut = "drop" | "swallow";

export class StoreDoor {
  readonly #proxy: AwsProxy;
  readonly #faults: Faults;
  readonly #storm: Faults;
  readonly #requests = { count: 0 };
  #cut: StoreCut | null = null;
  #isStorm = false;

  private constructor(proxy: AwsProxy, faults: Faults, storm: Faults) {
    this.#proxy = proxy;
    this.#faults = faults;
    this.#storm = storm;
    proxy.plan = (request) => this.#plan(request);
  }

  static async open(upstream: Readonly<Record<AwsService, string>>, seed: number, rate: number): Promise<StoreDoor> {
    const proxy = await AwsProxy.open({ upstream, plan: () => PASS });
    return new StoreDoor(
      proxy,
      new Faults(seed, rates(rate, DELAY_MS_MAX)),
      new Faults(seed + 1, rates(STORM_RATE, STORM_DELAY_MS_MAX)),
    );
  }

  get url(): string {
    return this.#proxy.url;
  }

  /** Requests that came to it so far. */
  get requests(): number {
    return this.#requests.count;
  }

  /** How often what happened to requests. */
  get counts(): readonly (readonly [what: string, count: number])[] {
    return [...this.#faults.counts, ...this.#storm.counts];
  }

  cut(how: StoreCut): void {
    this.#cut = how;
  }

  storm(): void {
    this.#isStorm = true;
  }

  healed(): void {
    this.#cut = null;
    this.#isStorm = false;
  }

  /** For the end of a run: nothing happens to requests any more. */
  calm(): void {
    this.healed();
    this.#faults.isOn = false;
  }

  get state(): { readonly cut: StoreCut | null; readonly isStorm: boolean; readonly open: readonly string[] } {
    return { cut: this.#cut, isStorm: this.#isStorm, open: this.#proxy.openActions };
  }

  close(): Promise<void> {
    return this.#proxy.close();
  }

  #plan(request: ProxiedRequest): Treatment {
    this.#requests.count++;
    if (this.#cut !== null) return { kind: this.#cut };
    return this.#isStorm ? this.#storm.plan(request) : this.#faults.plan(request);
  }
}

function rates(rate: number, delayMsMax: number): ConstructorParameters<typeof Faults>[1] {
  return { dynamodb: { rate, delayMsMax }, s3: { rate: Math.min(1, 2 * rate), delayMsMax }, lambda: { rate: 0, delayMsMax } };
}
