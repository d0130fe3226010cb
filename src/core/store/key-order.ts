/**
 * The order of a table's keys: sorted leaves of up to 256 locations, and a sorted list of leaves. A flush and a range
 * scan walk it; nothing is ever sorted at once. Each location has the first six bytes of its key beside it as a number,
 * so that a search seldom touches the record itself.
 */
const LEAF_SLOTS_MIN = 16;
const LEAF_SLOTS_MAX = 256;
const PREFIX_BYTES = 6;

/** What the order needs of the table that it orders. */
export interface OrderedRecords {
  /** As `compareBytes` of the record's key with `key`. */
  compareKeyAt(location: number, key: Uint8Array): number;
}

interface Leaf {
  prefixes: Float64Array;
  locations: Uint32Array;
  count: number;
}

/** A place between keys: `leaf` and `slot` name the key that comes next in ascending order. */
export interface OrderPlace {
  leaf: number;
  slot: number;
}

export class KeyOrder {
  readonly #records: OrderedRecords;
  readonly #leaves: Leaf[] = [newLeaf(LEAF_SLOTS_MIN)];
  #bytes = LEAF_SLOTS_MIN * 12;

  constructor(records: OrderedRecords) {
    this.#records = records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a location whose key is not there yet. */
  insert(key: Uint8Array, location: number): void {
    const prefix = prefixOf(key);
    let index = this.#leafOf(prefix, key);
    let leaf = this.#leaves[index] as Leaf;
    if (leaf.count === leaf.locations.length) {
      if (leaf.count < LEAF_SLOTS_MAX) this.#bytes += growLeaf(leaf);
      else {
        this.#split(index);
        index = this.#leafOf(prefix, key);
        leaf = this.#leaves[index] as Leaf;
      }
    }
    const slot = this.#slotOf(leaf, prefix, key);
    leaf.prefixes.copyWithin(slot + 1, slot, leaf.count);
    leaf.locations.copyWithin(slot + 1, slot, leaf.count);
    leaf.prefixes[slot] = prefix;
    leaf.locations[slot] = location;
    leaf.count += 1;
  }

  /** Names the new location of a key that is there. */
  replace(key: Uint8Array, location: number): void {
    const { leaf, slot } = this.seek(key);
    (this.#leaves[leaf] as Leaf).locations[slot] = location;
  }

  /** The place in front of the first key that is not below `key`. */
  seek(key: Uint8Array): OrderPlace {
    const prefix = prefixOf(key);
    const index = this.#leafOf(prefix, key);
    return this.#normal({ leaf: index, slot: this.#slotOf(this.#leaves[index] as Leaf, prefix, key) });
  }

  first(): OrderPlace {
    return this.#normal({ leaf: 0, slot: 0 });
  }

  end(): OrderPlace {
    return { leaf: this.#leaves.length, slot: 0 };
  }

  /** The location behind a place, and the place moves over it; 0 at the end. */
  next(place: OrderPlace): number {
    const leaf = this.#leaves[place.leaf];
    if (leaf === undefined) return 0;
    const location = leaf.locations[place.slot] as number;
    place.slot += 1;
    this.#normal(place);
    return location;
  }

  /** The location in front of a place, and the place moves over it; 0 at the beginning. */
  previous(place: OrderPlace): number {
    while (place.slot === 0) {
      if (place.leaf === 0) return 0;
      place.leaf -= 1;
      place.slot = (this.#leaves[place.leaf] as Leaf).count;
    }
    place.slot -= 1;
    return (this.#leaves[place.leaf] as Leaf).locations[place.slot] as number;
  }

  #normal(place: OrderPlace): OrderPlace {
    const leaf = this.#leaves[place.leaf];
    if (leaf !== undefined && place.slot >= leaf.count) {
      place.leaf += 1;
      place.slot = 0;
    }
    return place;
  }

  /** The last leaf whose first key is not above the key; leaf 0 takes what is below everything. */
  #leafOf(prefix: number, key: Uint8Array): number {
    let low = 0;
    let high = this.#leaves.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#compare(this.#leaves[middle] as Leaf, 0, prefix, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The first slot whose key is not below the key. */
  #slotOf(leaf: Leaf, prefix: number, key: Uint8Array): number {
    let low = 0;
    let high = leaf.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(leaf, middle, prefix, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(leaf: Leaf, slot: number, prefix: number, key: Uint8Array): number {
    const difference = (leaf.prefixes[slot] as number) - prefix;
    return difference !== 0 ? difference : this.#records.compareKeyAt(leaf.locations[slot] as number, key);
  }

  #split(index: number): void {
    const leaf = this.#leaves[index] as Leaf;
    const half = leaf.count >>> 1;
    const upper = newLeaf(LEAF_SLOTS_MAX);
    upper.prefixes.set(leaf.prefixes.subarray(half, leaf.count));
    upper.locations.set(leaf.locations.subarray(half, leaf.count));
    upper.count = leaf.count - half;
    leaf.count = half;
    this.#leaves.splice(index + 1, 0, upper);
    this.#bytes += LEAF_SLOTS_MAX * 12;
  }
}

/** The first bytes of a key as a number of the same order; a shorter key counts as if zeros followed. */
function prefixOf(key: Uint8Array): number {
  let prefix = 0;
  for (let at = 0; at < PREFIX_BYTES; at++) prefix = prefix * 256 + (at < key.length ? (key[at] as number) : 0);
  return prefix;
}

function newLeaf(slots: number): Leaf {
  return { prefixes: new Float64Array(slots), locations: new Uint32Array(slots), count: 0 };
}

/** Returns by how many bytes it grew. */
function growLeaf(leaf: Leaf): number {
  const slots = leaf.locations.length;
  const grown = newLeaf(2 * slots);
  grown.prefixes.set(leaf.prefixes);
  grown.locations.set(leaf.locations);
  leaf.prefixes = grown.prefixes;
  leaf.locations = grown.locations;
  return slots * 12;
}
