/** What is known of each endpoint, from the settings or from the directory, and its invoker: one for each URL, encoding and headers. */
import type { InvokerPort } from "../../ports/invoker.js";
import type { Encoding } from "../../protocol/function/contract.js";
import { isSameEndpoint } from "../config/endpoint-address.js";
import { DEFAULT_DEPLOYMENT_LIMITS, type FunctionSettings } from "../config/settings.js";
import type { DeploymentBook } from "./deployment-book.js";

export interface EndpointsParts {
  /** Endpoints from the settings; others have what they were registered with. */
  readonly functions: readonly FunctionSettings[];
  /** Makes the invoker of an endpoint; called once for each URL and encoding. */
  connect(endpoint: FunctionSettings): InvokerPort;
  book(): DeploymentBook;
}

export class Endpoints {
  readonly #parts: EndpointsParts;
  readonly #invokerByKey = new Map<string, InvokerPort>();

  constructor(parts: EndpointsParts) {
    this.#parts = parts;
  }

  of(url: string): FunctionSettings {
    const options = this.configured(url) ?? endpointOf(this.#parts.book().endpoints, url) ?? DEFAULT_ENDPOINT;
    return { ...options, url };
  }

  /** Null where the settings do not name it. */
  configured(url: string): FunctionSettings | null {
    return endpointOf(this.#parts.functions, url);
  }

  invoker(url: string, encoding?: Encoding): InvokerPort {
    const endpoint = this.of(url);
    return this.connected(encoding === undefined ? endpoint : { ...endpoint, encoding });
  }

  connected(endpoint: FunctionSettings): InvokerPort {
    const key = JSON.stringify([endpoint.url, endpoint.encoding, endpoint.headers]);
    const known = this.#invokerByKey.get(key);
    if (known !== undefined) return known;
    const made = this.#parts.connect(endpoint);
    this.#invokerByKey.set(key, made);
    return made;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#invokerByKey.values()].map((invoker) => invoker.close()));
  }
}

const DEFAULT_ENDPOINT = { limits: DEFAULT_DEPLOYMENT_LIMITS, encoding: "json", headers: {} } as const;

function endpointOf(endpoints: readonly FunctionSettings[], url: string): FunctionSettings | null {
  return endpoints.find((one) => one.url === url) ?? endpoints.findLast((one) => isSameEndpoint(one.url, url)) ?? null;
}
