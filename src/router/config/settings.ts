/** The settings of a router, parsed and checked: plain data, and the defaults, which run one router on local disk. */
import type { TypePolicy } from "../../core/entity/entity-type.js";
import type { DeploymentLimits } from "../../core/input.js";
import { DEFAULT_LIMITS, type IngressLimits } from "../ingress/ingress-limits.js";
import type { ListenAddress } from "../ingress/server-lifecycle.js";
import type { CorsSettings } from "../ingress/web-origin.js";

export interface Settings {
  /** Part of everything stored; written once, together with `shards`. */
  readonly cluster: string;
  readonly shards: number;
  readonly listen: { readonly ingress: ListenAddress; readonly admin: ListenAddress };
  readonly journal: JournalSettings;
  readonly snapshots: SnapshotSettings;
  readonly directory: DirectorySettings;
  /** Used where the directory is shared: elsewhere there are no other routers. */
  readonly peers: PeerSettings;
  readonly node: NodeSettings;
  /** For whatever lies in AWS. */
  readonly aws: AwsSettings;
  readonly ingress: IngressSettings;
  readonly admin: AdminSettings;
  readonly memory: { readonly cacheBytes: number; readonly totalBytes: number };
  readonly functions: readonly FunctionSettings[];
  /** What the operator sets for a type wins over what its function wishes. */
  readonly types: Readonly<Record<string, Partial<TypePolicy>>>;
  /** `figuresEveryMs`: how often the figures of alarms and autoscaling are a line of the log; left out: never. */
  readonly log: { readonly level: LogLevel; readonly figuresEveryMs?: number };
  /** How long an orderly stop waits for what is under way. */
  readonly stopGraceMs: number;
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** One folder may hold journal, snapshots and directory; it is locked once. */
export interface LocalStorage {
  readonly kind: "local";
  readonly path: string;
}

export interface MemoryStorage {
  readonly kind: "memory";
}

export type JournalSettings = LocalStorage | MemoryStorage | DynamoJournalSettings;
export type SnapshotSettings = LocalStorage | MemoryStorage | S3SnapshotSettings;
export type DirectorySettings = LocalStorage | MemoryStorage | DynamoDirectorySettings;

export interface DynamoJournalSettings {
  readonly kind: "dynamodb";
  readonly table: string;
  /** How long a record is kept, needed or not: at least twice the longest outage that must be survived (RULES.md 3). */
  readonly ttlMs: number;
}

export interface S3SnapshotSettings {
  readonly kind: "s3";
  readonly bucket: string;
  /** In front of every object's name: empty, or ends with '/'. */
  readonly prefix: string;
}

export interface DynamoDirectorySettings {
  readonly kind: "dynamodb";
  readonly table: string;
}

export interface PeerSettings {
  /** Port 0: any that is free. */
  readonly listen: ListenAddress;
  /** The host, or `host:port`, that others reach this router at; null: that of `listen`, or the machine's address. */
  readonly advertise: string | null;
  /** Paths of PEM files. Null: whoever reaches the port is taken for a router. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly authority: string } | null;
}

export interface NodeSettings {
  /** Its share of the shards, compared with other routers'. */
  readonly capacity: number;
}

/** Null: what the SDK finds by itself (environment, profile, the machine's or the task's role). */
export interface AwsSettings {
  readonly region: string | null;
  /** Instead of AWS's own: an emulator, or a proxy. For every service. */
  readonly endpoint: string | null;
}

export interface IngressSettings {
  readonly auth: AuthSettings;
  readonly limits: IngressLimits;
  /** Lower-case names of headers that travel with commands. */
  readonly keepHeaders: readonly string[];
  readonly cors: CorsSettings | null;
  /** Says that something in front of the router authenticates, although it listens beyond this machine. */
  readonly allowUnauthenticated: boolean;
}

export interface AdminSettings {
  readonly auth: AuthSettings;
  readonly allowUnauthenticated: boolean;
}

export type AuthSettings =
  | { readonly kind: "none" }
  | { readonly kind: "keys"; readonly keys: readonly StaticKey[] }
  | JwtSettings;

/** Exactly one of `key` and `sha256` (of the key, in hex) is set. */
export interface StaticKey {
  readonly principal: string;
  readonly key: string | null;
  readonly sha256: string | null;
  /** Types, or `namespace/*`; null for all. */
  readonly types: readonly string[] | null;
}

export interface JwtSettings {
  readonly kind: "jwt";
  /** An `https:` (or `http:`) URL, or the path of a file. */
  readonly jwks: string;
  readonly issuer: string | null;
  readonly audience: string | null;
  readonly algorithms: readonly string[];
  readonly clockToleranceMs: number;
  /** The claim that names the principal. */
  readonly principalClaim: string;
  /** A scope (or role) that the token must have; null: any token will do. */
  readonly scope: string | null;
}

export interface FunctionSettings {
  /** An HTTP URL, or the ARN of a Lambda function. */
  readonly url: string;
  readonly limits: DeploymentLimits;
  readonly encoding: "json" | "protobuf";
  /** Over HTTP: sent with every call: what the function's own access control asks for. */
  readonly headers: Readonly<Record<string, string>>;
}

export const DEFAULT_DEPLOYMENT_LIMITS: DeploymentLimits = {
  inFlightMax: 32,
  entitiesMax: 64,
  commandsMax: 256,
  bytesMax: 4 << 20,
  // A third of the default deadline: a command that hangs has three attempts.
  timeoutMs: 10_000,
  prefer: "latency",
};

/** Signatures that can be checked with a public key. Never `none`, never a shared secret. */
export const ASYMMETRIC_ALGORITHMS: readonly string[] = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];

const LOCAL: LocalStorage = { kind: "local", path: ".holdfast" };

export const DEFAULT_SETTINGS: Settings = {
  cluster: "local",
  shards: 8,
  listen: { ingress: { host: "127.0.0.1", port: 8080 }, admin: { host: "127.0.0.1", port: 9070 } },
  journal: LOCAL,
  snapshots: LOCAL,
  directory: LOCAL,
  peers: { listen: { host: "127.0.0.1", port: 0 }, advertise: null, tls: null },
  node: { capacity: 1 },
  aws: { region: null, endpoint: null },
  ingress: { auth: { kind: "none" }, limits: DEFAULT_LIMITS, keepHeaders: [], cors: null, allowUnauthenticated: false },
  admin: { auth: { kind: "none" }, allowUnauthenticated: false },
  memory: { cacheBytes: 256 << 20, totalBytes: 700 << 20 },
  functions: [],
  types: {},
  log: { level: "info" },
  stopGraceMs: 30_000,
};
