/** The function that counts, and passes counts on: a plain handler of the contract, over HTTP (function-entry.ts) or on Lambda. */
export interface Command {
  readonly n: number;
  readonly name: string;
  readonly input: { readonly by?: number; readonly ms?: number; readonly how?: string; readonly to?: string } | undefined;
}

export interface Entity {
  readonly n: number;
  readonly type: string;
  readonly state: { readonly count: number } | null;
  readonly commands: readonly Command[];
}

export interface Invocation {
  readonly kind: string;
  readonly invocation: string;
  readonly entities: readonly Entity[];
}

export const manifestType = (name: string, commands: readonly string[], queries: readonly string[] = []) => ({
  type: name,
  kind: "value",
  stateVersion: 1,
  commands: commands.map((command) => ({ name: command, exposure: command === "hidden" ? "internal" : "public" })),
  queries: queries.map((query) => ({ name: query })),
  wishes: { expose: ["state"] },
});

const TYPES = [manifestType("e2e/counter", ["add", "slow", "hidden"], ["total"]), manifestType("e2e/passer", ["pass"])];

export async function handler(asked: Invocation): Promise<object> {
  if (asked.kind === "discover") return { holdfast: "1", contracts: ["1"], encodings: ["json"], types: TYPES };
  return { holdfast: "1", invocation: asked.invocation, entities: await Promise.all(asked.entities.map(count)) };
}

async function count(entity: Entity): Promise<object> {
  let total = entity.state?.count ?? 0;
  const before = total;
  const outcomes: object[] = [];
  for (const { n, name, input } of entity.commands) {
    if (name === "slow") await new Promise((resolve) => setTimeout(resolve, input?.ms ?? 100));
    if (name !== "total") total += input?.by ?? 1;
    const send = { to: { type: "e2e/counter", id: input?.to ?? "nobody" }, command: "add", input: { by: input?.by ?? 1 } };
    outcomes.push({ n, reply: total, ...(name === "pass" && { effects: [{ send }] }) });
  }
  return { n: entity.n, outcomes, ...(total === before ? {} : { state: { count: total } }) };
}
