/** The entity types that are served now, by which deployment, and where the entities of all types ever registered lie. */
import { BY_ENTITY, type Colocation, type EntityAddress, placementHash } from "./entity/address.js";
import type { EntityType } from "./entity/entity-type.js";
import type { ActiveDeployment, TypePlacement } from "./input.js";

export interface ServedType {
  readonly deployment: string;
  readonly type: EntityType;
}

export class TypeRegistry {
  readonly #servedByName = new Map<string, ServedType>();
  readonly #colocationByType = new Map<string, Colocation>();
  #lastAddress: EntityAddress | null = null;
  #lastHash = 0;

  constructor(placements: readonly TypePlacement[]) {
    this.#place(placements);
  }

  deploy(deployments: readonly ActiveDeployment[], placements: readonly TypePlacement[]): void {
    this.#place(placements);
    this.#servedByName.clear();
    for (const { id, types } of deployments)
      for (const type of types) this.#servedByName.set(type.name, { deployment: id, type });
  }

  get(name: string): ServedType | null {
    return this.#servedByName.get(name) ?? null;
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
