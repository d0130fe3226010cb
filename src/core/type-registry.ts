/** The entity types that are served now, by which deployment, and where the entities of all types ever registered lie. */
import { CanaryChoice } from "./deployment/canary-choice.js";
import { BY_ENTITY, type Colocation, type EntityAddress, placementHash } from "./entity/address.js";
import type { EntityType } from "./entity/entity-type.js";
import type { ActiveDeployment, TypePlacement } from "./input.js";

export interface ServedType {
  readonly deployment: string;
  readonly type: EntityType;
}

interface Canary {
  readonly choice: CanaryChoice;
  readonly served: ServedType;
}

export class TypeRegistry {
  readonly #servedByName = new Map<string, ServedType>();
  #canaryByName: ReadonlyMap<string, Canary> = new Map();
  readonly #colocationByType = new Map<string, Colocation>();
  #lastAddress: EntityAddress | null = null;
  #lastHash = 0;

  constructor(placements: readonly TypePlacement[]) {
    this.#place(placements);
  }

  deploy(deployments: readonly ActiveDeployment[], placements: readonly TypePlacement[]): void {
    this.#place(placements);
    this.#servedByName.clear();
    const canaries = new Map<string, Canary>();
    for (const { id, types, weight } of deployments) {
      for (const type of types) {
        const served = { deployment: id, type };
        if (weight === undefined) this.#servedByName.set(type.name, served);
        else canaries.set(type.name, { choice: this.#choice(type.name, id, weight), served });
      }
    }
    this.#canaryByName = canaries;
  }

  /** What serves the type, but for the entities of a canary. */
  get(name: string): ServedType | null {
    return this.#servedByName.get(name) ?? null;
  }

  /** What serves the entity. */
  servedTo(address: EntityAddress): ServedType | null {
    return this.#canaryOf(address)?.served ?? this.get(address.type);
  }

  isOfCanary(address: EntityAddress): boolean {
    return this.#canaryOf(address) !== null;
  }

  /** From the canary to the stable version, until the canary ends. False where no canary serves it, or it cannot be. */
  takeBack(address: EntityAddress): boolean {
    return this.#canaryOf(address)?.choice.takeBack(address) ?? false;
  }

  hashOf(address: EntityAddress): number {
    // One command asks for the hash of one address several times in a row.
    if (address === this.#lastAddress) return this.#lastHash;
    this.#lastHash = placementHash(address, this.#colocationByType.get(address.type) ?? BY_ENTITY);
    this.#lastAddress = address;
    return this.#lastHash;
  }

  /** Tells a caller who named a type that is not served which ones are. */
  unknownType(name: string): string {
    const known = [...this.#servedByName.keys()].sort();
    if (known.length === 0) return `there is no type '${name}': no deployment is registered yet`;
    return `there is no type '${name}'; there are ${known.join(", ")}`;
  }

  #canaryOf(address: EntityAddress): Canary | null {
    if (this.#canaryByName.size === 0) return null;
    const canary = this.#canaryByName.get(address.type);
    return canary?.choice.takes(address) === true ? canary : null;
  }

  #choice(type: string, deployment: string, weight: number): CanaryChoice {
    return new CanaryChoice(deployment, weight, this.#canaryByName.get(type)?.choice ?? null);
  }

  #place(placements: readonly TypePlacement[]): void {
    this.#lastAddress = null;
    for (const { type, colocation } of placements) this.#colocationByType.set(type, colocation);
  }
}

/** Tells a caller who named a command that is not there, or not open to it, which ones are. */
export function unknownCommand(type: EntityType, name: string): string {
  const open = [...type.commands.values(), ...type.queries.values()].filter((spec) => spec.exposure === "public");
  const names = open.map((spec) => spec.name).sort();
  return `${type.name} has no command or query '${name}'; it has ${names.length === 0 ? "none that is public" : names.join(", ")}`;
}
