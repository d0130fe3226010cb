/** One place for a router: its address, its machine's clock, and the process that runs there now. */
import { RefusedCommands } from "../../src/core/log/refused-commands.js";
import type { Incarnation } from "./incarnation.js";
import type { SimClock } from "./sim-clock.js";

export class SimNode {
  readonly address: string;
  readonly capacity: number;
  readonly clock: SimClock;
  incarnation: Incarnation | null = null;
  /** One that was left behind and goes on serving its clients, as far as it may. */
  elder: Incarnation | null = null;
  /** The process that runs has told that it takes requests. */
  isStarted = false;
  /** A process should run here: when one ends, the next one starts. */
  isWanted: boolean;
  /** What operators are doing with it. */
  status: "serving" | "leaving" | "stopping" = "serving";
  /** The next process is one of the version before. */
  isBefore = false;
  /** Its machine answers nobody: no client is sent there. */
  isUnreachable = false;
  /** Of the process that runs now. */
  refusedCommands = new RefusedCommands();

  constructor(address: string, capacity: number, clock: SimClock, isWanted: boolean) {
    this.address = address;
    this.capacity = capacity;
    this.clock = clock;
    this.isWanted = isWanted;
  }
}
