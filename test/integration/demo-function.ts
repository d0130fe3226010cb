/** A counter and a sender that asks it, as a plain function of the JSON contract: no SDK. */
import type { InProcessFunction } from "../../src/invoker/in-process/in-process-invoker.js";

interface Command {
  readonly n: number;
  readonly name: string;
  readonly input: { readonly by?: number; readonly to?: string };
  readonly answer?: { readonly kind: string };
}

interface Entity {
  readonly n: number;
  readonly type: string;
  readonly state: { count?: number; answers?: string[] } | null;
  readonly commands: readonly Command[];
}

export const demoFunction: InProcessFunction = (request) => {
  const asked = JSON.parse(Buffer.from(request.body).toString()) as { invocation: string; entities: readonly Entity[] };
  const entities = asked.entities.map((entity) => (entity.type === "demo/counter" ? counter(entity) : sender(entity)));
  const body = Buffer.from(JSON.stringify({ holdfast: "1", invocation: asked.invocation, entities }));
  return { contentType: "application/json", body };
};

function counter(entity: Entity): object {
  let count = entity.state?.count ?? 0;
  let isDone = false;
  const outcomes = entity.commands.map(({ n, name, input }) => {
    if (name === "poison") return { n, fault: { message: "poisoned" } };
    const by = input.by ?? 1;
    if (by < 0) return { n, refusal: { code: "negative", message: "by must be positive" } };
    count += by;
    isDone = true;
    return { n, reply: { count } };
  });
  return { n: entity.n, ...(isDone ? { state: { count } } : {}), outcomes };
}

function sender(entity: Entity): object {
  const answers = [...(entity.state?.answers ?? [])];
  const outcomes = entity.commands.map(({ n, name, input, answer }) => {
    if (name === "answered") {
      answers.push(answer?.kind ?? "none");
      return { n, reply: null };
    }
    const command = name === "ask" ? "add" : "poison";
    const to = { type: "demo/counter", id: input.to };
    return {
      n,
      reply: null,
      effects: [
        { send: { to, command, input: { by: 1 }, replyTo: { handler: "answered", context: {} }, afterMs: 0, timer: null } },
      ],
    };
  });
  return { n: entity.n, state: { answers }, outcomes };
}
