/** Whether a request was addressed to this machine by a name of its own: else a web page may have rebound its name to it. */
import { isLoopback } from "../config/read-settings.js";

export function isLocalHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : (host.split(":")[0] ?? "");
  return isLoopback(name.toLowerCase());
}
