// Latencies in microseconds, in buckets that are at most 1/64 of their value wide (as in HdrHistogram).
const SUB_BITS = 7;
const SUB = 1 << SUB_BITS;
const POWERS = 32 - SUB_BITS;

export class Histogram {
  #counts = new Uint32Array((POWERS + 1) * SUB);
  #total = 0;
  #highest = 0;

  get count() {
    return this.#total;
  }

  record(ms) {
    const micros = Math.min(Math.max(Math.round(ms * 1000), 0), 0xffff_ffff);
    if (micros > this.#highest) this.#highest = micros;
    this.#total++;
    this.#counts[bucketOf(micros)]++;
  }

  /** The upper edge, in milliseconds, of the bucket in which that share of all values ends; 0 when there are none. */
  percentile(share) {
    const wanted = Math.ceil(this.#total * share);
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket];
      if (seen >= wanted && seen > 0) return Math.min(upperEdge(bucket), this.#highest) / 1000;
    }
    return 0;
  }

  summary() {
    return {
      p50Ms: this.percentile(0.5),
      p99Ms: this.percentile(0.99),
      p999Ms: this.percentile(0.999),
      maxMs: this.#highest / 1000,
    };
  }
}

function bucketOf(micros) {
  const power = Math.max(0, 31 - Math.clz32(micros >>> SUB_BITS) + 1);
  if (micros < SUB) return micros;
  return power * SUB + ((micros >>> power) & (SUB - 1));
}

function upperEdge(bucket) {
  const power = Math.floor(bucket / SUB);
  const sub = bucket % SUB;
  return power === 0 ? sub : (sub + 1) * 2 ** power - 1;
}
