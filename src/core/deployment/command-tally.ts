/** What became of commands, by the deployment that ran them: what a canary is judged by. Counts only grow, until the incarnation ends. */

export interface CommandCounts {
  /** Commands with a first outcome: a reply, a refusal, or a fault of their own. Tried again, they are not counted again. */
  ran: number;
  /** Those of them that faulted. */
  faulted: number;
  /** Results of entities, whatever they say: somebody is there. */
  answers: number;
  /** Invocations whose end says that the endpoint cannot be used. */
  unavailable: number;
}

export function noCounts(): CommandCounts {
  return { ran: 0, faulted: 0, answers: 0, unavailable: 0 };
}

export class CommandTally {
  readonly #countsById = new Map<string, CommandCounts>();

  get byDeployment(): ReadonlyMap<string, Readonly<CommandCounts>> {
    return this.#countsById;
  }

  /** A live object, to be counted in. */
  of(deployment: string): CommandCounts {
    let counts = this.#countsById.get(deployment);
    if (counts === undefined) {
      counts = noCounts();
      this.#countsById.set(deployment, counts);
    }
    return counts;
  }

  /** Forgets all others. What still runs on them is counted by nobody. */
  retain(deployments: ReadonlySet<string>): void {
    for (const id of this.#countsById.keys()) if (!deployments.has(id)) this.#countsById.delete(id);
  }
}
