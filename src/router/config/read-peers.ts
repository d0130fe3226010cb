/** `peers` and `node`: how other routers of the cluster reach this one, and how much of the work it takes. */
import type { SettingNode } from "./setting-node.js";
import { DEFAULT_SETTINGS, type NodeSettings, type PeerSettings } from "./settings.js";

export function readPeers(
  node: SettingNode,
  readAddress: (node: SettingNode, fallback: PeerSettings["listen"]) => PeerSettings["listen"],
): PeerSettings {
  node.mapping(["listen", "advertise", "tls"]);
  const listen = readAddress(node.member("listen"), DEFAULT_SETTINGS.peers.listen);
  return { listen, advertise: readAdvertised(node.member("advertise")), tls: readTls(node.member("tls")) };
}

/** A host, or a host and a port: `10.0.3.4`, `10.0.3.4:7071`, `[fd00::4]:7071`. */
const ADVERTISED = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/;

function readAdvertised(node: SettingNode): string | null {
  const text = node.text(null);
  if (text === null || text === "") return null;
  if (!ADVERTISED.test(text)) node.refuse(`'${text}' is not a host, or host:port, that other routers reach this one at`);
  return text;
}

function readTls(node: SettingNode): PeerSettings["tls"] {
  node.mapping(["certificate", "key", "authority"]);
  if (!node.isSet) return null;
  const path = (name: string): string => {
    const text = node.member(name).text("");
    if (text === "") node.member(name).refuse("the path of a PEM file is expected");
    return text;
  };
  return { certificate: path("certificate"), key: path("key"), authority: path("authority") };
}

export function readNode(node: SettingNode): NodeSettings {
  node.mapping(["capacity"]);
  return { capacity: node.member("capacity").wholeNumber(DEFAULT_SETTINGS.node.capacity, { min: 1, max: 1_000 }) };
}
