/** What clients asked and saw: all that checkers know of a run beside its final books. */
import type { EntityAddress } from "../../src/core/entity/address.js";
import type { Line, Sight } from "./business/book.js";

export interface CommandRecord {
  /** The command's id and token. */
  readonly id: string;
  readonly entity: EntityAddress;
  readonly name: string;
  readonly input: Uint8Array;
  readonly mode: "call" | "send";
  readonly hasKey: boolean;
  readonly delayMs: number;
  readonly invokedAtMs: number;
  /** Requests under way. */
  open: number;
  /** A request of it ended without anybody knowing what came of it. */
  mayHaveRun: boolean;
  /** `accepted`: of a send. */
  status: "none" | "replied" | "refused" | "failed" | "accepted";
  answeredAtMs: number;
  /** It was acknowledged as accepted, by any request. */
  wasAccepted: boolean;
  sight: Sight | null;
  replyText: string;
}

export interface SightRecord {
  readonly entity: EntityAddress;
  readonly what: string;
  /** A barrier has proven it, and not a lease. */
  readonly isStrict: boolean;
  readonly sight: Sight;
  readonly invokedAtMs: number;
  readonly answeredAtMs: number;
  /** What a query of a register or a set saw in it. */
  readonly value: number | null;
  readonly tokens: readonly string[] | null;
}

export interface FeedRecord {
  readonly entity: EntityAddress;
  readonly version: number;
  readonly line: Line;
}

export class History {
  readonly commands = new Map<string, CommandRecord>();
  readonly sights: SightRecord[] = [];
  readonly fed: FeedRecord[] = [];
  /** Replies of processes that were left behind while the next one had started. */
  readonly lateReplies: { readonly record: CommandRecord; readonly sight: Sight }[] = [];
  /** Tokens of dead letters that an operator retried: they run late, out of the order in which they were sent. */
  readonly retried = new Set<string>();
  /** Tokens of commands that an operator dropped. */
  readonly dropped = new Set<string>();
  /** Tokens that were dead letters at any time. */
  readonly dead = new Set<string>();
  /** How asks ended, by asker and token of the answer, as the final books say. */
  readonly outcomeByAnswer = new Map<string, string>();
  /** Registers that were not searched for a linear order. */
  tooConcurrent = 0;
  /** By how much readings of wall clocks differed at one moment, at most: a shard may have been given a later `now` than its own. */
  clockSpreadMs = 0;
  /** Clocks ran so differently that leases prove nothing: only what is strict has to be the newest. */
  areLeasesVoid = false;
  readonly violations: string[] = [];

  violate(message: string): void {
    if (this.violations.length < 50) this.violations.push(message);
  }
}
