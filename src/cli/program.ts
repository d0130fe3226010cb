/** The command line: what can be typed, its help, and which function does it. */
import { Command, Option } from "commander";
import type { AdminConnection } from "./admin-client.js";
import { drain, move, showClusterStatus, split } from "./cluster-commands.js";
import {
  type CanaryOptions,
  listDeployments,
  promote,
  type RegisterOptions,
  register,
  removeDeployment,
  rollBack,
  setCanary,
} from "./deployment-commands.js";
import { type DevOptions, dev } from "./dev.js";
import {
  type EventsOptions,
  endDeadLetter,
  type InvokeOptions,
  invoke,
  listDeadLetters,
  purge,
  showDeadLetter,
  showEvents,
  showState,
  showTimers,
} from "./entity-commands.js";
import { type RestoreOptions, restoreShards } from "./restore-command.js";
import type { SettingsOptions } from "./router-settings.js";
import { type StartOptions, start } from "./start.js";
import { check, init } from "./storage-commands.js";
import type { Terminal } from "./terminal.js";

/** Output without a decision whether it is JSON: that is an option. */
export type Streams = Omit<Terminal, "isJson">;

interface GlobalOptions {
  readonly json?: boolean;
  readonly admin: string;
  readonly token?: string;
}

const EXIT_CODES = `
Exit codes: 0 done; 1 refused by the function; 2 usage; 3 unavailable, retry; 4 outcome unknown.
An entity is written namespace/name/id, such as shop/cart/c1; a command of it shop/cart/c1/add.`;

export function makeProgram(streams: Streams, version: string): Command {
  const program = new Command("holdfast")
    .description("Durable, addressable entities for plain functions")
    .version(version)
    .option("--json", "write JSON, one value per result")
    .addOption(new Option("--admin <url>", "the router's admin address").env("HOLDFAST_ADMIN").default("http://127.0.0.1:9070"))
    .addOption(new Option("--token <token>", "a key or token, where the admin API asks for one").env("HOLDFAST_TOKEN"))
    .addHelpText("after", EXIT_CODES)
    .showHelpAfterError("(holdfast --help shows what there is)");
  addRouterCommands(program, streams);
  addDeploymentCommands(program, streams);
  addClusterCommands(program, streams);
  addEntityCommands(program, streams);
  return program;
}

function addRouterCommands(program: Command, streams: Streams): void {
  const settings = (command: Command): Command =>
    command
      .option("-c, --config <file>", "settings; else HOLDFAST_CONFIG, which holds them, else holdfast.yaml")
      .option("--port <port>", "of the ingress; 0 takes any free one")
      .option("--admin-port <port>", "of the admin API; 0 takes any free one")
      .option("--data <folder>", "where the data lies")
      .addOption(new Option("--log-level <level>").choices(["trace", "debug", "info", "warn", "error", "silent"]));
  settings(program.command("dev"))
    .argument("[entry]", "a module that exports entities; the shopping cart example without one")
    .option("--functions-port <port>", "where the entities are served")
    .option("--force", "take the entities although they do not fit what is stored")
    .description("run a router together with functions, for development")
    .action((entry: string | undefined, options: DevOptions) => dev(terminalOf(program, streams), entry, options));
  settings(program.command("start"))
    .option("--accept-loss <log...>", "take over logs although some of their records may have expired")
    .description("run a router by its settings")
    .action((options: StartOptions) => start(terminalOf(program, streams), options));
  settings(program.command("check"))
    .description("read the settings and say what is wrong with them, and with what they name in AWS")
    .action((options: SettingsOptions) => check(terminalOf(program, streams), options));
  program
    .command("init")
    .argument("[file]", "holdfast.yaml without one")
    .description("write settings to begin with; or, where there are some, make the tables and the bucket that they name")
    .action((file: string | undefined) => init(terminalOf(program, streams), file));
  settings(program.command("shards").description("what lies in the snapshot store").command("restore"))
    .argument("[shard...]", "with --previous: these go back; without them, each whose segments cannot be read")
    .option("--previous", "go back to the manifest before, and replay what it does not hold; no router may run")
    .description("bring back segments that were deleted or overwritten in S3, from the bucket's former versions")
    .action((shards: readonly string[], options: RestoreOptions) => restoreShards(terminalOf(program, streams), shards, options));
}

function addClusterCommands(program: Command, streams: Streams): void {
  const cluster = program.command("cluster").description("the routers that share the shards");
  cluster
    .command("status")
    .description("who is there, and which shards are not where they should be")
    .action(() => showClusterStatus(adminOf(program), terminalOf(program, streams)));
  cluster
    .command("drain")
    .argument("<node>", "its address, as status shows it")
    .option("--undo", "let it take its share again")
    .description("move all shards of a router to others; it goes on, without any")
    .action((node: string, { undo }: { readonly undo?: boolean }) =>
      drain(adminOf(program), terminalOf(program, streams), node, undo ?? false),
    );
  cluster
    .command("move")
    .argument("<shard>")
    .argument("[node]", "its address; without it the shard goes where it falls by itself")
    .description("keep a shard on a router, as long as that lives")
    .action((shard: string, node: string | undefined) => move(adminOf(program), terminalOf(program, streams), shard, node));
  cluster
    .command("split")
    .description("halve every shard, one after the other, while everything runs; there is no way back")
    .action(() => split(adminOf(program), terminalOf(program, streams)));
}

function addDeploymentCommands(program: Command, streams: Streams): void {
  program
    .command("register")
    .argument("<url>", "of the function, or the ARN of a Lambda function's version or alias")
    .option("--force", "although it does not fit what is stored")
    .option("--in-flight-max <count>", "invocations at a time")
    .option("--entities-max <count>", "entities in one invocation")
    .option("--commands-max <count>", "commands in one invocation")
    .option("--bytes-max <size>", "of one invocation: 4MB")
    .option("--timeout <duration>", "of one invocation: 10s")
    .addOption(new Option("--prefer <what>", "send soon, or in large batches").choices(["latency", "cost"]))
    .addOption(new Option("--encoding <form>", "of the function contract").choices(["json", "protobuf"]))
    .option("--header <header>", "'name: value', sent with every call, kept by the router; once for each", collected)
    .option("--canary <weight>", "of a share of the entities alone: 5%")
    .option("--faults-max <share>", "of a canary: faults beyond the stable version's, after which it is rolled back (2%)")
    .option("--for <duration>", "of a canary: promote it after this time if all went well")
    .description("make a function serve its entity types")
    .action((url: string, options: RegisterOptions) => register(adminOf(program), terminalOf(program, streams), url, options));
  const deployments = program.command("deployments").description("what is registered, and which of it serves");
  deployments
    .command("list")
    .description("list them")
    .action(() => listDeployments(adminOf(program), terminalOf(program, streams)));
  deployments
    .command("canary")
    .argument("<id>")
    .requiredOption("--weight <share>", "of the entities: 5%; 0% ends it")
    .option("--faults-max <share>", "faults beyond the stable version's, after which it is rolled back (2%)")
    .option("--for <duration>", "promote it after this time if all went well; none: not by itself")
    .option("--force", "although the stable version could not read what it stores")
    .description("make a registered deployment serve a share of the entities, or another share")
    .action((id: string, options: CanaryOptions) => setCanary(adminOf(program), terminalOf(program, streams), id, options));
  deployments
    .command("promote")
    .argument("<id>")
    .option("--force", "although it does not fit what is stored")
    .description("make a registered deployment serve its types")
    .action((id: string, { force }: { readonly force?: boolean }) =>
      promote(adminOf(program), terminalOf(program, streams), id, force ?? false),
    );
  deployments
    .command("rollback")
    .description("back to what served before the last change; a canary that began last ends")
    .action(() => rollBack(adminOf(program), terminalOf(program, streams)));
  deployments
    .command("remove")
    .argument("<id>")
    .description("forget a deployment that nothing needs any more")
    .action((id: string) => removeDeployment(adminOf(program), terminalOf(program, streams), id));
}

function addEntityCommands(program: Command, streams: Streams): void {
  program
    .command("invoke")
    .argument("<target>", "shop/cart/c1/add")
    .argument("[input]", "JSON")
    .option("--send", "do not wait for the outcome")
    .option("--delay <duration>", "run it later: 15m, 24h (with --send)")
    .option("--key <key>", "idempotency key: the same key runs once")
    .option("--deadline <duration>", "how long to wait")
    .description("run a command or query of an entity")
    .action((target: string, input: string | undefined, options: InvokeOptions) =>
      invoke(adminOf(program), terminalOf(program, streams), target, input, options),
    );
  program
    .command("state")
    .argument("<entity>", "shop/cart/c1")
    .description("show the state of an entity")
    .action((entity: string) => showState(adminOf(program), terminalOf(program, streams), entity));
  program
    .command("events")
    .argument("<entity>", "shop/cart/c1")
    .option("--after <version>", "only later ones")
    .option("-f, --follow", "stay, and show events as they happen")
    .description("show the events of an entity, one a line")
    .action((entity: string, options: EventsOptions) =>
      showEvents(adminOf(program), terminalOf(program, streams), entity, options),
    );
  program
    .command("timers")
    .argument("<entity>", "shop/cart/c1")
    .description("show the timers of an entity")
    .action((entity: string) => showTimers(adminOf(program), terminalOf(program, streams), entity));
  program
    .command("purge")
    .argument("<entity>", "shop/cart/c1")
    .option("--yes", "it is meant")
    .description("delete everything stored of an entity")
    .action((entity: string, { yes }: { readonly yes?: boolean }) =>
      purge(adminOf(program), terminalOf(program, streams), entity, yes ?? false),
    );
  addDeadLetterCommands(program, streams);
}

function addDeadLetterCommands(program: Command, streams: Streams): void {
  const letters = program.command("dead-letters").description("messages that failed for good");
  letters
    .command("list")
    .argument("[entity]", "shop/cart/c1; all without one")
    .description("list them")
    .action((entity: string | undefined) => listDeadLetters(adminOf(program), terminalOf(program, streams), entity));
  letters
    .command("show")
    .argument("<entity>")
    .argument("<commandId>")
    .description("show one, whole")
    .action((entity: string, id: string) => showDeadLetter(adminOf(program), terminalOf(program, streams), entity, id));
  for (const action of ["retry", "drop"] as const) {
    letters
      .command(action)
      .argument("<entity>")
      .argument("<commandId>")
      .description(action === "retry" ? "run it again" : "forget it")
      .action((entity: string, id: string) => endDeadLetter(adminOf(program), terminalOf(program, streams), action, entity, id));
  }
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function terminalOf(program: Command, streams: Streams): Terminal {
  const { json } = program.opts<GlobalOptions>();
  return { out: (text) => streams.out(text), error: (text) => streams.error(text), isJson: json ?? false };
}

function adminOf(program: Command): AdminConnection {
  const { admin, token } = program.opts<GlobalOptions>();
  return { url: admin.replace(/\/+$/, ""), token: token ?? null };
}
