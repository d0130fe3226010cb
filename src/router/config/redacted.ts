/** Settings as they may be printed: complete, and without secrets. */
import type { AuthSettings, Settings } from "./settings.js";

const HIDDEN = "(hidden)";

export function redacted(settings: Settings): Readonly<Record<string, unknown>> {
  return {
    ...settings,
    ingress: { ...settings.ingress, auth: redactedAuth(settings.ingress.auth) },
    admin: { ...settings.admin, auth: redactedAuth(settings.admin.auth) },
    functions: settings.functions.map((one) => ({
      ...one,
      url: withoutQuery(one.url),
      headers: Object.fromEntries(Object.keys(one.headers).map((name) => [name, HIDDEN])),
    })),
  };
}

function redactedAuth(auth: AuthSettings): unknown {
  switch (auth.kind) {
    case "none":
      return auth;
    case "keys":
      return { kind: "keys", keys: auth.keys.map(({ principal, types }) => ({ principal, types, key: HIDDEN })) };
    case "jwt":
      return { ...auth, jwks: withoutQuery(auth.jwks) };
  }
}

/** Query strings carry function keys and signatures. */
export function withoutQuery(url: string): string {
  const mark = url.indexOf("?");
  return mark < 0 ? url : `${url.slice(0, mark)}?${HIDDEN}`;
}
