/** Functions that fault now and then: every so-and-so-many-th command throws, and does well when it is tried again. */

/** Rare enough that no command faults as often as is tried (3 times, a message 10 times), but by a miracle. */
const ONE_IN = 97;
let commands = 0;

export function badMoment(): void {
  if (++commands % ONE_IN === 0) throw new Error("the function has a bad moment");
}
