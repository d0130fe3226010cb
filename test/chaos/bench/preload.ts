/** Gives so many entities a state, by messages of a courier, so that a take-over has something to take over. */
import { setTimeout as delay } from "node:timers/promises";
import { Random } from "../../sim/random.js";
import { Insistence } from "../clients/insistence.js";
import { LoadBalancer } from "../clients/load-balancer.js";
import type { RouterCluster } from "../cluster/router-cluster.js";
import { Courier, Tally } from "../functions/contracts.js";

const AT_ONCE = 500;
const COURIERS = 8;
const SAMPLES = 50;
const POLL_MS = 500;

export async function preload(cluster: RouterCluster, entities: number, prefix: string): Promise<void> {
  const insistence = new Insistence(new LoadBalancer(() => cluster.nodes));
  const random = new Random(1, 5_000_011);
  let next = 0;
  const courier = async (index: number): Promise<void> => {
    while (next < entities) {
      const to = Array.from({ length: Math.min(AT_ONCE, entities - next) }, () => `${prefix}${next++}`);
      const entity = `${Courier.type}/preload-${index}`;
      const key = `preload-${index}-${to[0]}`;
      await insistence.definitely("preload", random, { kind: "preload", entity, command: "deliver", input: { to, by: 1 }, key });
    }
  };
  await Promise.all(Array.from({ length: COURIERS }, (_, index) => courier(index)));
  // Messages are under way behind the couriers' replies: the last ones are looked at until they are there.
  for (let sample = 0; sample < SAMPLES; sample++) {
    const path = `/${Tally.type}/${prefix}${entities - 1 - sample * Math.floor(entities / SAMPLES)}/count`;
    while ((await insistence.read("preload", random, path)).text !== "1") await delay(POLL_MS);
  }
}
