/** `${NAME}` and `${NAME:-default}` within texts of the settings: the only place that reads the environment. */

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/**
 * Replaces references in every text, however deep; names of members are left alone. What the environment holds is never
 * read as YAML, so it cannot change the shape of the settings. Names that are missing are added to `missing`.
 */
export function substituteEnvironment(value: unknown, environment: Environment, missing: Set<string>): unknown {
  if (typeof value === "string") {
    return value.replace(REFERENCE, (_, name: string, fallback: string | undefined) => {
      const found = environment[name] ?? fallback;
      if (found === undefined) missing.add(name);
      return found ?? "";
    });
  }
  if (Array.isArray(value)) return value.map((item) => substituteEnvironment(item, environment, missing));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, substituteEnvironment(item, environment, missing)]);
  return Object.fromEntries(entries);
}
