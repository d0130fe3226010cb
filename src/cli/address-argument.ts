/** Addresses as arguments: `shop/cart/c1`, and `shop/cart/c1/add` with a command. Ids may hold slashes of their own. */
import { type EntityAddress, idProblem, parseAddress, typeProblem } from "../core/entity/address.js";
import { CliProblem, EXIT } from "./exit-code.js";

/** Throws `CliProblem`. */
export function entityOf(argument: string): EntityAddress {
  const address = parseAddress(argument);
  if (address === null) throw usage(`'${argument}' is no address; it is written namespace/name/id, such as shop/cart/c1`);
  const problem = typeProblem(address.type) ?? idProblem(address.id);
  if (problem !== null) throw usage(`'${argument}' is refused: ${problem}`);
  return address;
}

/** The last segment names the command or query. Throws `CliProblem`. */
export function callOf(argument: string): { readonly to: EntityAddress; readonly name: string } {
  const end = argument.lastIndexOf("/");
  const isShort = argument.split("/").length < 4;
  if (isShort) throw usage(`'${argument}' names no command; it is written namespace/name/id/command, such as shop/cart/c1/add`);
  return { to: entityOf(argument.slice(0, end)), name: argument.slice(end + 1) };
}

/** In a path: `shop/cart/c%2F1`. */
export function pathOf({ type, id }: EntityAddress): string {
  return `${type}/${encodeURIComponent(id)}`;
}

export function usage(message: string): CliProblem {
  return new CliProblem(EXIT.usage, "usage", `${message} [usage]`);
}
