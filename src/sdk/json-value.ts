/** Values that go through JSON: copied where somebody else might change them, sealed where they are state. */

/** The router takes no deeper payloads. */
const DEPTH_MAX = 128;

/**
 * The value as its reader will see it: a copy that went through JSON once, so that what a handler does to its objects
 * afterwards changes nothing that was sent. Throws a TypeError for what JSON cannot write; `what` names it.
 */
export function jsonCopy(value: unknown, what: string): unknown {
  if (value === undefined || value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new TypeError(`${what} is ${value}, which JSON cannot write`);
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new TypeError(`${what} is no JSON value: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (text === undefined) throw new TypeError(`${what} is no JSON value: a ${typeof value}`);
  return JSON.parse(text);
}

/**
 * Freezes a state all the way down, so that no handler changes it in passing, and checks in the same walk that it is
 * JSON: a `Date` or a `Map` would be something else after it was stored. What is frozen already was walked before, which
 * makes this cheap for a state that shares most of itself with the one before. Throws a TypeError naming the place.
 */
export function sealState<T>(state: T): T {
  seal(state, "state", []);
  return state;
}

function seal(value: unknown, path: string, around: object[]): void {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return;
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${path} is ${value}, which JSON cannot write`);
      return;
    case "object":
      if (value === null) return;
      if (!Object.isFrozen(value)) sealObject(value, path, around);
      else if (around.includes(value)) throw new TypeError(`${path} leads back to something around it, which JSON cannot write`);
      return;
    default:
      throw new TypeError(`${path} is a ${typeof value}, which JSON cannot write`);
  }
}

function sealObject(value: object, path: string, around: object[]): void {
  if (around.length > DEPTH_MAX) throw new TypeError(`state is nested deeper than ${DEPTH_MAX} levels at ${path.slice(0, 100)}`);
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!isPlain) {
    throw new TypeError(
      `${path} is a ${value.constructor.name}; state is made of plain objects, arrays, strings, numbers and booleans`,
    );
  }
  Object.freeze(value);
  around.push(value);
  if (Array.isArray(value)) for (let at = 0; at < value.length; at++) seal(value[at], `${path}[${at}]`, around);
  else for (const [key, member] of Object.entries(value)) seal(member, `${path}.${key}`, around);
  around.pop();
}
