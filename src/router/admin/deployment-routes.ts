/** `/v1/deployments`: list, register, canary, promote, roll back, remove; and what the deployments serve. */
import type { EntityType } from "../../core/entity/entity-type.js";
import { endpointAddress, endpointForm } from "../config/endpoint-address.js";
import { readEndpointOptions } from "../config/read-functions.js";
import { SettingNode } from "../config/setting-node.js";
import type { RegistrationOutcome } from "../deployment/registration-outcome.js";
import type { Exchange } from "../ingress/exchange.js";
import type { Registration } from "../registration.js";
import { badRequest, withBody } from "./admin-body.js";
import { respondJson } from "./admin-reply.js";
import { readCanaryWish } from "./canary-wish.js";

export function listDeployments(exchange: Exchange, registration: Registration): null {
  respondJson(exchange, 200, JSON.stringify({ deployments: registration.list() }));
  return null;
}

/** Body: `{"url", "force", "canary"}`, and what `functions` of the settings takes for an endpoint; `url` may be an ARN. */
export function registerDeployment(exchange: Exchange, registration: Registration): null {
  withBody(exchange, (body) => {
    const { url, force } = body;
    const address = typeof url === "string" ? endpointAddress(url) : null;
    if (address === null) return badRequest(`'url': ${endpointForm(typeof url === "string" ? url : "")}`);
    if (force !== undefined && typeof force !== "boolean") return badRequest("'force' is true or false");
    const problems: string[] = [];
    const options = readEndpointOptions(new SettingNode(body, "", problems), address, ["url", "force", "canary"]);
    const canary = body["canary"] === undefined ? null : readCanaryWish(body["canary"], "canary", problems);
    if (canary?.weight === 0 && problems.length === 0) problems.push("canary.weight: a canary begins with more than 0%");
    if (problems.length > 0) return badRequest(problems.join("; "));
    answerWith(exchange, 201, registration.register(address, force ?? false, options, canary));
    return null;
  });
  return null;
}

/** Body: `{"weight", "faultsMax", "for", "force"}`; a weight of 0% ends it. */
export function setCanary(exchange: Exchange, registration: Registration, id: string): null {
  withBody(exchange, (body) => {
    const { force } = body;
    if (force !== undefined && typeof force !== "boolean") return badRequest("'force' is true or false");
    const problems: string[] = [];
    const wish = readCanaryWish(body, "", problems, ["force"]);
    if (problems.length > 0) return badRequest(problems.join("; "));
    answerWith(exchange, 200, registration.setCanary(id, wish, force ?? false));
    return null;
  });
  return null;
}

/** Body: nothing, or `{"force"}`. */
export function promoteDeployment(exchange: Exchange, registration: Registration, id: string): null {
  withBody(exchange, ({ force }) => {
    if (force !== undefined && typeof force !== "boolean") return badRequest("'force' is true or false");
    answerWith(exchange, 200, registration.promote(id, force ?? false));
    return null;
  });
  return null;
}

export function rollBackDeployments(exchange: Exchange, registration: Registration): null {
  withBody(exchange, () => {
    answerWith(exchange, 200, registration.rollback());
    return null;
  });
  return null;
}

/** Refused while anything needs it: what it serves, a rollback, invocations under way. */
export function removeDeployment(exchange: Exchange, registration: Registration, id: string): null {
  withBody(exchange, () => {
    answerWith(exchange, 200, registration.remove(id));
    return null;
  });
  return null;
}

export function listTypes(exchange: Exchange, types: readonly EntityType[]): null {
  respondJson(exchange, 200, JSON.stringify({ types: types.map(typeView) }));
  return null;
}

function typeView(type: EntityType): unknown {
  const specs = (map: EntityType["commands"]) =>
    [...map.values()].map(({ name, exposure, inputSchema, replySchema }) => ({
      name,
      exposure,
      input: inputSchema === null ? null : JSON.parse(inputSchema),
      reply: replySchema === null ? null : JSON.parse(replySchema),
    }));
  const { name, kind, stateVersion, policy } = type;
  const events = [...type.events.values()].map((event) => ({ name: event.name, version: event.eventVersion }));
  return {
    name,
    kind,
    stateVersion,
    commands: specs(type.commands),
    queries: specs(type.queries),
    replies: [...type.replies],
    events,
    policy,
  };
}

function answerWith(exchange: Exchange, status: number, outcome: Promise<RegistrationOutcome>): void {
  outcome.then(
    (found) => {
      if (found.kind === "done") {
        respondJson(exchange, status, JSON.stringify({ deployment: found.deployment, warnings: found.warnings }));
      } else exchange.refuse({ code: found.code, detail: found.detail, members: { reasons: found.reasons } });
    },
    (error: unknown) =>
      exchange.refuse({ code: "directory_failed", detail: error instanceof Error ? error.message : String(error) }),
  );
}
