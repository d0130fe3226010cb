/** Makes the invoker of an endpoint, by the kind of its address. */
import { encodeUtf8 } from "../../core/bytes/utf8.js";
import { HttpInvoker } from "../../invoker/http/http-invoker.js";
import { type InProcessFunction, InProcessInvoker } from "../../invoker/in-process/in-process-invoker.js";
import { LambdaInvoker } from "../../invoker/lambda/lambda-invoker.js";
import type { InvokerPort } from "../../ports/invoker.js";
import { parseLambdaArn } from "../../ports/lambda-arn.js";
import type { RequestMeter } from "../../ports/request-meter.js";
import type { FunctionSettings, Settings } from "../config/settings.js";
import { systemClock } from "../system-clock.js";

export const LOCAL_SCHEME = "local:";

/** Calls that take too long no longer count as in flight, but still hold a connection (src/core/dispatch/tuning.ts). */
const CALLS_FOR_EACH_IN_FLIGHT = 4;

export interface InvokerParts {
  readonly aws: Settings["aws"];
  readonly meter: RequestMeter;
  /** Functions in this process, by name. */
  readonly local: Readonly<Record<string, InProcessFunction>>;
}

export function makeInvoker(endpoint: FunctionSettings, { aws, meter, local }: InvokerParts): InvokerPort {
  const { url, encoding, headers, limits } = endpoint;
  const arn = parseLambdaArn(url);
  if (arn !== null) {
    const callsMax = limits.inFlightMax * CALLS_FOR_EACH_IN_FLIGHT;
    return new LambdaInvoker({ arn, aws: { endpoint: aws.endpoint, credentials: null }, callsMax, meter }, systemClock);
  }
  if (!url.startsWith(LOCAL_SCHEME)) return new HttpInvoker({ url, encoding, headers: Object.entries(headers) }, systemClock);
  return new InProcessInvoker(local[url.slice(LOCAL_SCHEME.length)] ?? absent(url), systemClock, { encoding });
}

/** Registered by an earlier start, and not given to this one: like an endpoint that is down. */
function absent(url: string): InProcessFunction {
  return () => ({ status: 503, contentType: "text/plain", body: encodeUtf8(`${url} is not in this process`) });
}
