/** The lanes of one entity type, and the times of its command kinds. They stay when the type moves to another deployment. */
import type { Endpoint } from "./endpoint.js";
import { type CommandKind, Lane, type LaneKind } from "./lane.js";
import type { DispatchTuning } from "./tuning.js";
import { BestTime } from "./usual-time.js";

export class TypeLanes {
  readonly type: string;
  readonly lanes: Readonly<Record<LaneKind, Lane>>;
  readonly all: readonly Lane[];
  /** Null: no active deployment serves the type; its offers wait. */
  endpoint: Endpoint | null = null;
  /** Lanes of the entities that a canary serves, so that no invocation carries entities of both. Null: there is no canary. */
  canary: TypeLanes | null = null;
  readonly #tuning: DispatchTuning;
  readonly #best = new BestTime();
  readonly #kindByName = new Map<string, CommandKind>();
  /** Shared by kinds beyond the bound. */
  readonly #otherKind: CommandKind = { best: new BestTime(), isSlow: false };

  constructor(type: string, tuning: DispatchTuning, isCanary = false) {
    this.type = type;
    this.#tuning = tuning;
    this.lanes = {
      normal: new Lane("normal", isCanary),
      slow: new Lane("slow", isCanary),
      alone: new Lane("alone", isCanary),
      suspect: new Lane("suspect", isCanary),
    };
    this.all = Object.values(this.lanes);
  }

  /** Those of the canary included. */
  get queued(): number {
    let queued = this.canary?.queued ?? 0;
    for (const lane of this.all) queued += lane.length;
    return queued;
  }

  get usualMs(): number {
    return this.lanes.normal.usual.ms;
  }

  kindOf(commandName: string): CommandKind {
    const known = this.#kindByName.get(commandName);
    if (known !== undefined) return known;
    if (this.#kindByName.size >= this.#tuning.kindsMax) return this.#otherKind;
    const kind: CommandKind = { best: new BestTime(), isSlow: false };
    this.#kindByName.set(commandName, kind);
    return kind;
  }

  /** A command of that kind took so long, in an invocation of that lane. */
  took(ms: number, kind: CommandKind, lane: Lane): void {
    lane.usual.record(ms);
    kind.best.record(ms);
    // What the slow lane takes says nothing of the type's usual time: a type of slow commands would hide its slow ones.
    if (lane.kind === "normal") this.#best.record(ms);
    const { slowFactor, slowFloorMs } = this.#tuning;
    const share = kind.isSlow ? 0.5 : 1;
    kind.isSlow = kind.best.ms > slowFloorMs * share && kind.best.ms > this.#best.ms * slowFactor * share;
  }

  /** Takes the type, with what waits, to the deployment that serves it now. */
  moveTo(endpoint: Endpoint | null): void {
    if (endpoint === this.endpoint) return;
    for (const lane of this.all) {
      this.endpoint?.detach(lane);
      if (lane.length > 0) endpoint?.laneGrew(lane, lane.length);
    }
    this.endpoint = endpoint;
  }

  /** The deployment that serves a part of the entities; null: none any more, and what waits for it waits here. */
  setCanary(endpoint: Endpoint | null): void {
    if (endpoint !== null) {
      this.canary ??= new TypeLanes(this.type, this.#tuning, true);
      return this.canary.moveTo(endpoint);
    }
    const { canary } = this;
    if (canary === null) return;
    canary.moveTo(null);
    this.canary = null;
    for (const from of canary.all) {
      const to = this.lanes[from.kind];
      const count = from.length;
      for (let offer = from.head; offer !== null; offer = from.head) {
        from.remove(offer);
        offer.lane = to;
        to.push(offer);
      }
      if (count > 0) this.endpoint?.laneGrew(to, count);
    }
  }
}
