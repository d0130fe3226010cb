/** Entity addresses as users meet them, checked where they are made. */

/** One entity. */
export interface EntityAddress<Type extends string = string> {
  /** `namespace/name` */
  readonly type: Type;
  readonly id: string;
}

const ID_BYTES_MAX = 256;
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;
/** Would turn a reference into something that `await` or the language itself treats in its own way. */
const NAMES_OF_THE_LANGUAGE: ReadonlySet<string> = new Set([
  "then",
  "constructor",
  "__proto__",
  "toString",
  "toJSON",
  "valueOf",
  "hasOwnProperty",
]);

/** Throws a RangeError where the router would refuse the id. */
export function checkId(id: string): void {
  const problem = idProblem(id);
  if (problem !== null) throw new RangeError(`${JSON.stringify(id)} is no entity id: ${problem}`);
}

/** Throws a TypeError where a contract's entity type is not `namespace/name`. */
export function checkType(type: string): void {
  const parts = type.split("/");
  if (parts.length !== 2 || !parts.every((part) => NAME.test(part))) {
    throw new TypeError(`${JSON.stringify(type)} is no entity type: write "namespace/name" in letters, digits, '_', '-' and '.'`);
  }
}

/** Throws a TypeError where a command, query, event, reply handler or timer cannot have that name. */
export function checkName(name: string): void {
  if (!NAME.test(name))
    throw new TypeError(
      `${JSON.stringify(name)} is no name: begin with a letter or '_', go on with letters, digits, '_', '-', '.'`,
    );
  if (NAMES_OF_THE_LANGUAGE.has(name)) throw new TypeError(`"${name}" means something to JavaScript itself; take another name`);
}

function idProblem(id: string): string | null {
  if (typeof id !== "string") return "it is not a string";
  if (id === "") return "it is empty";
  if (id === "." || id === "..") return "'.' and '..' are path segments";
  for (let at = 0; at < id.length; at++) {
    const unit = id.charCodeAt(at);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return `it has a control character at offset ${at}`;
  }
  if (/\p{Surrogate}/u.test(id)) return "it has a lone surrogate";
  // No UTF-16 unit takes more than three bytes, so short ids need no count.
  if (id.length * 3 > ID_BYTES_MAX && new TextEncoder().encode(id).length > ID_BYTES_MAX)
    return `it is longer than ${ID_BYTES_MAX} bytes`;
  return null;
}
