/**
 * Which entities of a type a canary serves: those whose hash lies below its weight. So an entity stays where it is as long as
 * the weight stays, and a higher weight only adds entities. The id of the deployment goes into the hash: another canary
 * begins with other entities, and none of them lie together in one shard.
 */
import { murmur3 } from "../bytes/murmur3.js";
import { encodeUtf8 } from "../bytes/utf8.js";
import { addressText, type EntityAddress } from "../entity/address.js";

/** A weight is so many ten-thousandths of the entities. */
export const WHOLE_WEIGHT = 10_000;

/** So many entities are remembered as taken back; a canary that fails more of them is rolled back long before. */
const TAKEN_BACK_MAX = 10_000;

export class CanaryChoice {
  readonly deployment: string;
  readonly #weight: number;
  /** Entities whose command faulted there as often as is tried: the stable version serves them until the canary ends. */
  readonly #takenBack: Set<string>;

  /** `former`: of the same deployment, before its weight changed. */
  constructor(deployment: string, weight: number, former: CanaryChoice | null = null) {
    this.deployment = deployment;
    this.#weight = weight;
    this.#takenBack = former?.deployment === deployment ? former.#takenBack : new Set();
  }

  takes(address: EntityAddress): boolean {
    const key = addressText(address);
    return isBelow(this.#weight, this.deployment, key) && !this.#takenBack.has(key);
  }

  /** False where it cannot be: it was not served here, or too many were taken back already. */
  takeBack(address: EntityAddress): boolean {
    if (this.#takenBack.size >= TAKEN_BACK_MAX || !this.takes(address)) return false;
    this.#takenBack.add(addressText(address));
    return true;
  }
}

function isBelow(weight: number, deployment: string, key: string): boolean {
  return murmur3(encodeUtf8(`${deployment} ${key}`)) * WHOLE_WEIGHT < weight * 2 ** 32;
}
