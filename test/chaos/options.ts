/** What a chaos run is given: a seed, a length, how many nodes; from the command line or the environment. */

export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly nodes: number;
  readonly clients: number;
  readonly entities: number;
  /** Of requests to the store, how many something happens to. */
  readonly rate: number;
  readonly shards: number;
  /** Longest pause of a client between two commands. */
  readonly thinkMs: number;
  readonly gapMs: readonly [least: number, most: number];
  /** A dist folder of another version, or `copy`: one of this build. Null: the version before, out of the history. */
  readonly otherBuild: string | null;
  readonly isVerbose: boolean;
  /** In place of faults: after a few seconds no node reaches the store any more. Such a run must tell who waits for what, and fail. */
  readonly isBlocked: boolean;
}

/** As the other build. */
export const COPY = "copy";

const NODES_MIN = 1;
const NODES_MAX = 5;

/** Two processors run three routers, the functions, two stores and the clients: more clients would only wait for each other. */
const DEFAULTS = { seconds: 300, nodes: 3, clients: 24, entities: 10_000, rate: 0.02, shards: 24, thinkMs: 150, gap: "2.5-6" };

export const CHAOS_HELP = `npm run chaos -- [--seconds 300] [--nodes 3..5] [--seed N] [--clients 24] [--entities 10000] [--rate 0.02]
                     [--shards 24] [--think 150] [--gap 2.5-6] [--other-build DIST|copy] [--verbose] [--block]
Environment: CHAOS_SEED, CHAOS_SECONDS, CHAOS_NODES, CHAOS_OTHER_BUILD (a dist folder of another checkout, or 'copy' for one of
this build; without it the version before this one is built out of the history, and rolling upgrades go from it and back to it).`;

export function chaosOptions(args: readonly string[], env: NodeJS.ProcessEnv): ChaosOptions {
  const values = new Map<string, string>();
  for (let index = 0; index < args.length; index++) {
    const name = args[index] ?? "";
    if (name === "--verbose" || name === "--block") values.set(name, "yes");
    else if (/^--(seed|seconds|nodes|clients|entities|rate|shards|think|gap|other-build)$/.test(name))
      values.set(name, args[++index] ?? "");
    else throw new Error(`'${name}' is not understood.\n${CHAOS_HELP}`);
  }
  const number = (name: string, otherwise: number, from?: string): number => {
    const text = values.get(name) ?? from ?? String(otherwise);
    const value = Number(text);
    if (text === "" || !Number.isFinite(value) || value < 0) throw new Error(`${name} takes a number, not '${text}'`);
    return value;
  };
  const gap = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(values.get("--gap") ?? DEFAULTS.gap);
  if (gap === null) throw new Error("--gap takes two numbers of seconds, such as 2-5");
  const nodes = number("--nodes", DEFAULTS.nodes, env["CHAOS_NODES"]);
  if (nodes < NODES_MIN || nodes > NODES_MAX) throw new Error(`--nodes takes ${NODES_MIN} to ${NODES_MAX}`);
  return {
    seed: number("--seed", Math.floor(Math.random() * 1_000_000), env["CHAOS_SEED"]),
    seconds: number("--seconds", DEFAULTS.seconds, env["CHAOS_SECONDS"]),
    nodes,
    clients: number("--clients", DEFAULTS.clients),
    entities: number("--entities", DEFAULTS.entities),
    rate: number("--rate", DEFAULTS.rate),
    shards: number("--shards", DEFAULTS.shards),
    thinkMs: number("--think", DEFAULTS.thinkMs),
    gapMs: [Number(gap[1]) * 1_000, Number(gap[2]) * 1_000],
    otherBuild: values.get("--other-build") ?? env["CHAOS_OTHER_BUILD"] ?? null,
    isVerbose: values.has("--verbose"),
    isBlocked: values.has("--block"),
  };
}

/** Runs the same programs and faults again; how they meet in time is the machine's. */
export function reproducing(options: ChaosOptions): string {
  const { seed, seconds, nodes, clients, entities, rate, shards, thinkMs, gapMs, otherBuild } = options;
  const other = otherBuild === null ? "" : ` --other-build ${otherBuild}`;
  const gap = `${gapMs[0] / 1_000}-${gapMs[1] / 1_000}`;
  return `npm run chaos -- --seed ${seed} --seconds ${seconds} --nodes ${nodes} --clients ${clients} --entities ${entities} --rate ${rate} --shards ${shards} --think ${thinkMs} --gap ${gap}${other}`;
}
