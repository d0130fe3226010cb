/**
 * Reads values out of parsed YAML, one by one, and remembers every problem with its path, so that all of them can be told
 * at once. A refused value gives the fallback; whoever reads must look at `problems` before using anything.
 */
import { DURATION_FORM, formatDuration, parseDuration } from "../duration.js";
import { nearest } from "./nearest.js";
import { formatSize, parseSize, SIZE_FORM } from "./size.js";

export interface Range {
  readonly min: number;
  readonly max: number;
}

export class SettingNode {
  readonly path: string;
  readonly #value: unknown;
  readonly #problems: string[];

  constructor(value: unknown, path: string, problems: string[]) {
    this.#value = value;
    this.path = path;
    this.#problems = problems;
  }

  get isSet(): boolean {
    return this.#value !== undefined && this.#value !== null;
  }

  get raw(): unknown {
    return this.#value;
  }

  refuse(what: string): void {
    this.#problems.push(`${this.path === "" ? "the settings" : this.path}: ${what}`);
  }

  /** The member `name` of this mapping; checks this node's own members when asked with `members`. */
  member(name: string): SettingNode {
    const value = isMapping(this.#value) && Object.hasOwn(this.#value, name) ? this.#value[name] : undefined;
    return new SettingNode(value, this.path === "" ? name : `${this.path}.${name}`, this.#problems);
  }

  /** Refuses what is no mapping, and members that nobody reads. True where the members can be read. */
  mapping(known: readonly string[]): boolean {
    if (!this.isSet) return true;
    if (!isMapping(this.#value)) {
      this.refuse(`a mapping is expected, with ${known.join(", ")}`);
      return false;
    }
    for (const name of Object.keys(this.#value)) {
      if (known.includes(name)) continue;
      const guess = nearest(name, known);
      this.member(name).refuse(
        `there is no such setting${guess === null ? `; known are ${known.join(", ")}` : `; did you mean '${guess}'?`}`,
      );
    }
    return true;
  }

  /** Members of a mapping whose names are the user's. */
  entries(): readonly (readonly [name: string, node: SettingNode])[] {
    if (!this.isSet) return [];
    if (isMapping(this.#value)) return Object.keys(this.#value).map((name) => [name, this.member(name)]);
    this.refuse("a mapping is expected");
    return [];
  }

  list(): readonly SettingNode[] {
    if (!this.isSet) return [];
    if (Array.isArray(this.#value)) {
      return this.#value.map((value, index) => new SettingNode(value, `${this.path}[${index}]`, this.#problems));
    }
    this.refuse("a list is expected");
    return [];
  }

  text<Fallback>(fallback: Fallback): string | Fallback {
    if (!this.isSet) return fallback;
    if (typeof this.#value === "string" && this.#value !== "") return this.#value;
    this.refuse(`a text is expected, not ${shown(this.#value)}`);
    return fallback;
  }

  texts(): readonly string[] {
    return this.list().map((node) => node.text(""));
  }

  choice<Choice extends string>(choices: readonly Choice[], fallback: Choice): Choice {
    if (!this.isSet) return fallback;
    const found = choices.find((choice) => choice === this.#value);
    if (found !== undefined) return found;
    const guess = typeof this.#value === "string" ? nearest(this.#value, choices) : null;
    this.refuse(`${shown(this.#value)} is not one of ${choices.join(", ")}${guess === null ? "" : `; did you mean '${guess}'?`}`);
    return fallback;
  }

  flag(fallback: boolean): boolean {
    if (!this.isSet) return fallback;
    if (typeof this.#value === "boolean") return this.#value;
    if (this.#value === "true" || this.#value === "false") return this.#value === "true"; // from the environment
    this.refuse(`true or false is expected, not ${shown(this.#value)}`);
    return fallback;
  }

  wholeNumber(fallback: number, range: Range): number {
    if (!this.isSet) return fallback;
    const isDigits = typeof this.#value === "string" && /^\d{1,15}$/.test(this.#value); // from the environment
    const number = isDigits ? Number(this.#value) : this.#value;
    if (typeof number !== "number" || !Number.isSafeInteger(number)) {
      this.refuse(`a whole number is expected, not ${shown(this.#value)}`);
      return fallback;
    }
    return this.#within(number, range, String) ? number : fallback;
  }

  durationMs(fallback: number, range: Range): number {
    const ms = this.#unit(parseDuration, DURATION_FORM);
    return ms !== null && this.#within(ms, range, formatDuration) ? ms : fallback;
  }

  bytes(fallback: number, range: Range): number {
    const bytes = this.#unit(parseSize, SIZE_FORM);
    return bytes !== null && this.#within(bytes, range, formatSize) ? bytes : fallback;
  }

  #unit(parse: (text: string) => number | null, form: string): number | null {
    if (!this.isSet) return null;
    const parsed = typeof this.#value === "string" ? parse(this.#value) : null;
    if (parsed === null) this.refuse(`${shown(this.#value)} is not ${form}`);
    return parsed;
  }

  #within(number: number, range: Range, show: (number: number) => string): boolean {
    if (number >= range.min && number <= range.max) return true;
    this.refuse(`${show(number)} is not within ${show(range.min)} and ${show(range.max)}`);
    return false;
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
