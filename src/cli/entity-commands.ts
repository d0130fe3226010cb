/** `invoke`, `state`, `events`, `timers`, `dead-letters`, `purge`: what one can do to a single entity. */
import { EventStreamParser } from "../client/event-stream.js";
import { callOf, entityOf, pathOf, usage } from "./address-argument.js";
import { type AdminConnection, askAdmin, openAdmin } from "./admin-client.js";
import { CliProblem, EXIT } from "./exit-code.js";
import { show, type Terminal, table } from "./terminal.js";

export interface InvokeOptions {
  readonly send?: boolean;
  readonly delay?: string;
  readonly key?: string;
  readonly deadline?: string;
}

export async function invoke(
  admin: AdminConnection,
  terminal: Terminal,
  target: string,
  input: string | undefined,
  options: InvokeOptions,
): Promise<void> {
  const { to, name } = callOf(target);
  if (options.delay !== undefined && options.send !== true)
    throw usage("--delay needs --send: nobody waits that long for a reply");
  const query = new URLSearchParams();
  if (options.send === true) query.set("mode", "send");
  if (options.delay !== undefined) query.set("delay", options.delay);
  const headers: Record<string, string> = {};
  if (options.key !== undefined) headers["idempotency-key"] = options.key;
  if (options.deadline !== undefined) headers["holdfast-deadline"] = options.deadline;
  const path = `/v1/invoke/${pathOf(to)}/${encodeURIComponent(name)}${query.size === 0 ? "" : `?${query}`}`;
  const reply = await askAdmin(admin, path, { method: "POST", headers, ...(input !== undefined && { body: input }) });
  if (!terminal.isJson) return terminal.out(reply.text === "" ? "done, without a reply" : reply.text);
  const commandId = JSON.stringify(reply.headers.get("holdfast-command-id"));
  const version = reply.headers.get("holdfast-version") ?? "null";
  // The reply is spliced in as it came: numbers keep their digits.
  terminal.out(`{"commandId":${commandId},"version":${version},"reply":${reply.text === "" ? "null" : reply.text}}`);
}

export async function showState(admin: AdminConnection, terminal: Terminal, address: string): Promise<void> {
  const reply = await askAdmin(admin, `/v1/state/${pathOf(entityOf(address))}`);
  terminal.out(reply.text);
}

export interface EventsOptions {
  readonly after?: string;
  readonly follow?: boolean;
}

export async function showEvents(
  admin: AdminConnection,
  terminal: Terminal,
  address: string,
  options: EventsOptions,
): Promise<void> {
  const path = `/v1/events/${pathOf(entityOf(address))}`;
  let after = options.after ?? "0";
  if (options.follow === true) return followEvents(admin, terminal, path, after);
  for (;;) {
    const reply = await askAdmin(admin, `${path}?after=${encodeURIComponent(after)}`);
    const page = JSON.parse(reply.text) as { readonly events: readonly unknown[]; readonly next: number | null };
    for (const event of page.events) terminal.out(JSON.stringify(event));
    if (page.next === null) return;
    after = String(page.next);
  }
}

async function followEvents(admin: AdminConnection, terminal: Terminal, path: string, after: string): Promise<void> {
  const headers = { accept: "text/event-stream", "last-event-id": after };
  const response = await openAdmin(admin, path, { headers });
  const parser = new EventStreamParser();
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let chunk = await reader?.read(); chunk !== undefined && !chunk.done; chunk = await reader?.read()) {
    for (const { event, data } of parser.push(chunk.value)) {
      if (event === "message") terminal.out(data.replaceAll("\n", ""));
      else throw new CliProblem(EXIT.unavailable, "feed_ended", `the feed has ended: ${data}`);
    }
  }
  throw new CliProblem(EXIT.unavailable, "feed_ended", "the feed has ended: the router closed it");
}

interface TimerView {
  readonly name: string;
  readonly dueAt: string;
  readonly to: { readonly type: string; readonly id: string };
  readonly command: { readonly name: string };
}

export async function showTimers(admin: AdminConnection, terminal: Terminal, address: string): Promise<void> {
  const reply = await askAdmin(admin, `/v1/timers/${pathOf(entityOf(address))}`);
  if (terminal.isJson) return terminal.out(reply.text);
  const { timers } = JSON.parse(reply.text) as { readonly timers: readonly TimerView[] };
  if (timers.length === 0) return terminal.out("no timers");
  const rows = timers.map(({ name, dueAt, to, command }) => [dueAt, name, `${to.type}/${to.id}/${command.name}`]);
  for (const line of table([["DUE", "TIMER", "COMMAND"], ...rows])) terminal.out(line);
}

interface DeadLetterView {
  readonly entity: { readonly type: string; readonly id: string };
  readonly commandId: string;
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  readonly at: string;
  readonly command: { readonly name: string };
}

export async function listDeadLetters(admin: AdminConnection, terminal: Terminal, address: string | undefined): Promise<void> {
  const reply = await askAdmin(admin, `/v1/dead-letters${address === undefined ? "" : `/${pathOf(entityOf(address))}`}`);
  if (terminal.isJson) return terminal.out(reply.text);
  const { deadLetters } = JSON.parse(reply.text) as { readonly deadLetters: readonly DeadLetterView[] };
  if (deadLetters.length === 0) return terminal.out("no dead letters");
  const rows = deadLetters.map(({ at, entity, commandId, command, code }) => [
    at,
    `${entity.type}/${entity.id}`,
    commandId,
    command.name,
    code,
  ]);
  for (const line of table([["AT", "ENTITY", "COMMAND ID", "COMMAND", "CODE"], ...rows])) terminal.out(line);
}

export async function showDeadLetter(
  admin: AdminConnection,
  terminal: Terminal,
  address: string,
  commandId: string,
): Promise<void> {
  const reply = await askAdmin(admin, `/v1/dead-letters/${pathOf(entityOf(address))}/${encodeURIComponent(commandId)}`);
  terminal.out(terminal.isJson ? reply.text : JSON.stringify(JSON.parse(reply.text), null, 2));
}

export async function endDeadLetter(
  admin: AdminConnection,
  terminal: Terminal,
  action: "retry" | "drop",
  address: string,
  commandId: string,
): Promise<void> {
  const path = `/v1/dead-letters/${pathOf(entityOf(address))}/${encodeURIComponent(commandId)}/${action}`;
  await askAdmin(admin, path, { method: "POST" });
  show(terminal, { action, commandId }, [action === "retry" ? `${commandId} will be run again` : `${commandId} is dropped`]);
}

export async function purge(admin: AdminConnection, terminal: Terminal, address: string, isSure: boolean): Promise<void> {
  const entity = entityOf(address);
  if (!isSure) throw usage(`everything stored of ${address} would be deleted for good: say --yes if that is meant`);
  await askAdmin(admin, `/v1/purge/${pathOf(entity)}`, { method: "POST" });
  show(terminal, { purged: address }, [`everything of ${address} is deleted`]);
}
