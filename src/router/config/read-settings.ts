/** From the text of `holdfast.yaml` to settings, or to every reason why not. Known names and bounds are all here. */
import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { ConfigProblem } from "./config-problem.js";
import { type Environment, substituteEnvironment } from "./environment.js";
import { readAuth } from "./read-auth.js";
import { readFunctions } from "./read-functions.js";
import { readNode, readPeers } from "./read-peers.js";
import { readStorageSections, refuseStorageMix } from "./read-storage.js";
import { readTypes } from "./read-types.js";
import { SettingNode } from "./setting-node.js";
import { DEFAULT_SETTINGS, type IngressSettings, type LogLevel, type Settings } from "./settings.js";

/** Throws `ConfigProblem`. */
export function readSettingsFile(path: string, environment: Environment): Settings {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigProblem("config_unreadable", [`${path} cannot be read: ${(error as Error).message}`]);
  }
  return readSettings(text, environment, path);
}

/** Throws `ConfigProblem`. `source` names the text in messages. */
export function readSettings(text: string, environment: Environment, source = "the settings"): Settings {
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new ConfigProblem(
      "config_unreadable",
      document.errors.map((error) => `${source}: ${error.message.split("\n")[0]}`),
    );
  }
  const missing = new Set<string>();
  // At most 100 uses of anchors: a settings file needs few, and a bomb needs many.
  const values = substituteEnvironment(document.toJS({ maxAliasCount: 100 }), environment, missing);
  if (missing.size > 0) {
    const names = [...missing].map((name) => `${source} refers to the environment variable ${name}, which is not set`);
    throw new ConfigProblem("environment_missing", names);
  }
  const problems: string[] = [];
  const settings = readAll(new SettingNode(values ?? undefined, "", problems));
  if (problems.length > 0) throw new ConfigProblem("config_invalid", problems);
  refuseStorageMix(settings);
  refuseOpenDoors(settings);
  return settings;
}

const SECTIONS = [
  "cluster",
  "shards",
  "listen",
  "journal",
  "snapshots",
  "directory",
  "aws",
  "peers",
  "node",
  "ingress",
  "admin",
  "memory",
  "functions",
  "types",
  "log",
  "stopGrace",
];

const MB = 1 << 20;
const GB = 1 << 30;
const DAY_MS = 86_400_000;
const CLUSTER = /^[a-z0-9][a-z0-9-]{0,62}$/;
const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

function readAll(root: SettingNode): Settings {
  root.mapping(SECTIONS);
  const cluster = root.member("cluster").text(DEFAULT_SETTINGS.cluster);
  if (!CLUSTER.test(cluster)) root.member("cluster").refuse("lower-case letters, digits and '-' are expected, at most 63");
  const listen = root.member("listen");
  listen.mapping(["ingress", "admin"]);
  const memory = root.member("memory");
  memory.mapping(["cache", "total"]);
  const log = root.member("log");
  log.mapping(["level", "figuresEvery"]);
  const admin = root.member("admin");
  admin.mapping(["auth", "allowUnauthenticated"]);
  return {
    cluster,
    shards: root.member("shards").wholeNumber(DEFAULT_SETTINGS.shards, { min: 1, max: 65_536 }),
    listen: {
      ingress: readAddress(listen.member("ingress"), DEFAULT_SETTINGS.listen.ingress),
      admin: readAddress(listen.member("admin"), DEFAULT_SETTINGS.listen.admin),
    },
    ...readStorageSections(root),
    peers: readPeers(root.member("peers"), readAddress),
    node: readNode(root.member("node")),
    ingress: readIngress(root.member("ingress")),
    admin: {
      auth: readAuth(admin.member("auth")),
      allowUnauthenticated: admin.member("allowUnauthenticated").flag(false),
    },
    memory: {
      cacheBytes: memory.member("cache").bytes(DEFAULT_SETTINGS.memory.cacheBytes, { min: MB, max: 256 * GB }),
      totalBytes: memory.member("total").bytes(DEFAULT_SETTINGS.memory.totalBytes, { min: 64 * MB, max: 1_024 * GB }),
    },
    functions: readFunctions(root.member("functions")),
    types: readTypes(root.member("types")),
    log: readLog(log),
    stopGraceMs: root.member("stopGrace").durationMs(DEFAULT_SETTINGS.stopGraceMs, { min: 0, max: DAY_MS }),
  };
}

function readLog(node: SettingNode): Settings["log"] {
  const level = node.member("level").choice(LEVELS, DEFAULT_SETTINGS.log.level);
  const every = node.member("figuresEvery");
  return { level, ...(every.isSet && { figuresEveryMs: every.durationMs(0, { min: 1_000, max: DAY_MS }) }) };
}

function readAddress(node: SettingNode, fallback: { readonly host: string; readonly port: number }) {
  const text = node.text(null);
  if (text === null) return fallback;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match !== null && port <= 65_535) return { host: match[1] ?? match[2] ?? "", port };
  node.refuse(`'${text}' is not host:port, such as 127.0.0.1:8080 or [::1]:8080`);
  return fallback;
}

function readIngress(node: SettingNode): IngressSettings {
  const { limits } = DEFAULT_SETTINGS.ingress;
  node.mapping([
    "auth",
    "bodyMax",
    "bodiesTotalMax",
    "deadline",
    "requestsMax",
    "connectionsMax",
    "keepHeaders",
    "cors",
    "allowUnauthenticated",
  ]);
  const cors = node.member("cors");
  cors.mapping(["origins"]);
  return {
    auth: readAuth(node.member("auth")),
    limits: {
      bodyBytesMax: node.member("bodyMax").bytes(limits.bodyBytesMax, { min: 1 << 10, max: 4 * MB }),
      bodyBytesTotalMax: node.member("bodiesTotalMax").bytes(limits.bodyBytesTotalMax, { min: MB, max: 64 * GB }),
      deadlineMs: node.member("deadline").durationMs(limits.deadlineMs, { min: 100, max: 600_000 }),
      requestsMax: node.member("requestsMax").wholeNumber(limits.requestsMax, { min: 1, max: 500_000 }),
      headersMs: limits.headersMs,
      requestMs: limits.requestMs,
      connectionsMax: node.member("connectionsMax").wholeNumber(limits.connectionsMax, { min: 1, max: 500_000 }),
    },
    keepHeaders: readKeepHeaders(node.member("keepHeaders")),
    cors: cors.isSet ? { origins: readOrigins(cors.member("origins")) } : null,
    allowUnauthenticated: node.member("allowUnauthenticated").flag(false),
  };
}

/** Headers that would hand a credential, or the connection's own affairs, to every function. */
const NEVER_KEPT = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "connection",
  "host",
  "content-length",
  "transfer-encoding",
]);

function readKeepHeaders(node: SettingNode): readonly string[] {
  return node.list().map((one) => {
    const name = one.text("").toLowerCase();
    if (!/^[a-z0-9-]+$/.test(name)) one.refuse("a header's name is expected");
    else if (NEVER_KEPT.has(name)) one.refuse(`'${name}' must not be stored with commands; the principal is, by itself`);
    return name;
  });
}

function readOrigins(node: SettingNode): readonly string[] {
  return node.list().map((one) => {
    const origin = one.text("");
    if (origin !== "*" && !/^https?:\/\/[^/]+$/.test(origin))
      one.refuse("an origin such as https://shop.example is expected, or '*'");
    return origin;
  });
}

function refuseOpenDoors(settings: Settings): void {
  const doors = [
    { name: "ingress", address: settings.listen.ingress, ...settings.ingress },
    { name: "admin", address: settings.listen.admin, ...settings.admin },
  ];
  const open = doors.filter((door) => door.auth.kind === "none" && !door.allowUnauthenticated && !isLoopback(door.address.host));
  const problems = open.map(
    ({ name, address }) =>
      `listen.${name}: ${address.host} is open to the network, and ${name}.auth is 'none'; set up ${name}.auth, listen on 127.0.0.1, or say ${name}.allowUnauthenticated: true`,
  );
  if (problems.length > 0) throw new ConfigProblem("open_without_auth", problems);
}

/** Whether nobody but this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
