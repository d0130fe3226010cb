/** Which process a connection of this machine comes from, as Linux tells it: by that a proxy knows which node speaks. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Of the processes given, the one whose socket has this local port; null where none has, or the system does not tell. */
export function processOfPort(port: number, pids: readonly number[]): number | null {
  const inode = inodeOfPort(port);
  return inode === null ? null : (pids.find((pid) => hasSocket(pid, `socket:[${inode}]`)) ?? null);
}

function inodeOfPort(port: number): string | null {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of lines(table)) {
      const fields = line.trim().split(/\s+/);
      // sl, local address, remote address, state, queues, timer, retransmits, user, timeout, inode
      if (fields[1]?.endsWith(wanted) && fields[9] !== undefined && fields[9] !== "0") return fields[9];
    }
  }
  return null;
}

function hasSocket(pid: number, link: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === link);
  } catch {
    return false; // it has ended
  }
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null; // closed meanwhile
  }
}

function lines(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return []; // no such system
  }
}
