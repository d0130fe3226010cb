/** The functions of a test: definitions called in process, one deployment for each, so that one can be out of reach alone. */
import type { ActiveDeployment } from "../core/input.js";
import { InProcessInvoker } from "../invoker/in-process/in-process-invoker.js";
import type { InvokerPort } from "../ports/invoker.js";
import { DEFAULT_DEPLOYMENT_LIMITS } from "../router/config/settings.js";
import { readManifest } from "../router/deployment/manifest-reader.js";
import type { Definition } from "../sdk/definition.js";
import { type Fault, local } from "../sdk/index.js";
import { HandlerGuard, PlannedFault } from "./handler-guard.js";
import type { VirtualClock } from "./virtual-clock.js";

interface Deployed {
  readonly invoker: InvokerPort;
  readonly deployment: ActiveDeployment;
}

export class TestFunctions {
  readonly guard = new HandlerGuard();
  /** What handlers threw that was no refusal and not planned, oldest first. */
  readonly faults: Fault[] = [];
  readonly #clock: VirtualClock;
  readonly #deployedByType = new Map<string, Deployed>();
  #count = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** All deployments that serve a type now. */
  get active(): readonly ActiveDeployment[] {
    return [...this.#deployedByType.values()].map(({ deployment }) => deployment);
  }

  invokerOf(deployment: string): InvokerPort | null {
    for (const deployed of this.#deployedByType.values()) if (deployed.deployment.id === deployment) return deployed.invoker;
    return null;
  }

  /** New deployments for these types; what serves the others stays. */
  async deploy(definitions: readonly Definition[]): Promise<void> {
    for (const definition of definitions) {
      const { type } = definition;
      const invoker = new InProcessInvoker(this.#callee(definition), this.#clock);
      const outcome = await invoker.discover(new AbortController().signal);
      if (outcome.kind !== "discovered") throw new Error(`${type} cannot be discovered: ${outcome.message}`);
      const id = `${type}#${++this.#count}`;
      const deployment = { id, types: readManifest(outcome.manifest, {}).types, limits: DEFAULT_DEPLOYMENT_LIMITS };
      this.#deployedByType.set(type, { invoker, deployment });
    }
  }

  #callee(definition: Definition): ConstructorParameters<typeof InProcessInvoker>[0] {
    const onFault = (fault: Fault): void => {
      if (!(fault.error instanceof PlannedFault)) this.faults.push(fault);
    };
    const answer = local([this.guard.around(definition)], { onFault });
    return async (request) => (this.guard.isUnavailable(definition.type) ? UNAVAILABLE : answer(request));
  }
}

const UNAVAILABLE = { status: 503, contentType: "text/plain", body: Buffer.from("the test makes this function unavailable") };
