/** The authenticator that the settings ask for. */
import type { AuthSettings } from "../config/settings.js";
import type { Authenticator } from "./authenticator.js";
import { StaticKeys } from "./static-keys.js";
import { Tokens } from "./tokens.js";

/** Null: nobody is asked who they are. Throws `AuthKeysProblem`. */
export function makeAuthenticator(settings: AuthSettings): Authenticator | null {
  switch (settings.kind) {
    case "none":
      return null;
    case "keys":
      return new StaticKeys(settings.keys);
    case "jwt":
      return new Tokens(settings);
  }
}
