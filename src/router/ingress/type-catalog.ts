/** The entity types that can be asked now, for whoever has to look one up by name. */
import type { EntityType } from "../../core/entity/entity-type.js";

export interface TypeCatalog {
  /** False: nobody knows yet which types there are. */
  readonly isOpen: boolean;
  get(name: string): EntityType | undefined;
  /** Sorted. */
  names(): readonly string[];
  /** Endpoints that are configured and have not said yet what they serve: an unknown type may become known. */
  undiscovered(): readonly string[];
}
