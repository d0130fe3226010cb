/** The time of a step, on both clocks. */
export interface Moment {
  /** Wall time: what timers and expiries go by. May jump. */
  readonly wallMs: number;
  /** Only grows: what waits and back-offs go by. */
  readonly monotonicMs: number;
}
