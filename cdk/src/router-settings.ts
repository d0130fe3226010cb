/** The router's settings (docs/settings.md) as the text of `HOLDFAST_CONFIG`. JSON is YAML. */
import { type Duration, type Stack, Token } from "aws-cdk-lib";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import { FIGURES_EVERY } from "./figures.js";
import type { IngressAuth } from "./ingress-auth.js";
import type { Storage } from "./storage.js";

export const INGRESS_PORT = 8080;
export const ADMIN_PORT = 9070;
/** Where routers speak to one another. */
export const PEER_PORT = 7071;
export const ADMIN_PRINCIPAL = "registrar";

/** Sections that stay the operator's, as docs/settings.md has them. What the construct decides is refused here. */
export interface RouterSettings {
  /** `bodyMax`, `bodiesTotalMax`, `deadline`, `requestsMax`, `connectionsMax`, `keepHeaders`, `cors`. */
  readonly ingress?: Readonly<Record<string, unknown>>;
  /** `cache`, `total`. Default: an eighth and a third of the task's memory. */
  readonly memory?: Readonly<Record<string, string>>;
  /** What is set for a type wins over what its function wishes. */
  readonly types?: Readonly<Record<string, unknown>>;
  /** Default: `info`. Nothing quieter: alarms and autoscaling are made of lines of that level. */
  readonly log?: { readonly level: "info" | "debug" | "trace" };
}

export interface RouterSettingsProps {
  readonly clusterName: string;
  readonly shards: number;
  readonly storage: Storage;
  readonly region: string;
  readonly recordTtl: Duration;
  readonly stopGrace: Duration;
  readonly memoryMiB: number;
  readonly auth: IngressAuth;
  readonly settings: RouterSettings;
}

export const ADMIN_KEY_VARIABLE = "HOLDFAST_ADMIN_KEY";
const CLIENT_KEY_VARIABLE = "HOLDFAST_CLIENT_KEY";

export function routerSettingsText(stack: Stack, props: RouterSettingsProps): string {
  const { clusterName, storage, memoryMiB, settings } = props;
  for (const name of ["auth", "allowUnauthenticated"]) {
    if (settings.ingress !== undefined && name in settings.ingress)
      throw new Error(`settings.ingress.${name}: use the property 'auth' of HoldfastCluster`);
  }
  return stack.toJsonString({
    cluster: clusterName,
    shards: props.shards,
    listen: { ingress: `0.0.0.0:${INGRESS_PORT}`, admin: `0.0.0.0:${ADMIN_PORT}` },
    // Advertised is the address of the task's own network interface.
    peers: { listen: `0.0.0.0:${PEER_PORT}` },
    journal: { kind: "dynamodb", table: storage.logTable.tableName, ttl: `${props.recordTtl.toDays()}d` },
    snapshots: { kind: "s3", bucket: storage.bucket.bucketName, prefix: `${clusterName}/` },
    directory: { kind: "dynamodb", table: storage.directoryTable.tableName },
    aws: { region: props.region },
    ingress: { ...settings.ingress, ...authSection(props.auth) },
    admin: { auth: { kind: "keys", keys: [{ principal: ADMIN_PRINCIPAL, key: `\${${ADMIN_KEY_VARIABLE}}` }] } },
    memory: settings.memory ?? { cache: `${Math.floor(memoryMiB / 8)}MB`, total: `${Math.floor(memoryMiB / 3)}MB` },
    ...(settings.types !== undefined && { types: settings.types }),
    log: { level: settings.log?.level ?? "info", figuresEvery: `${FIGURES_EVERY.toSeconds()}s` },
    stopGrace: `${props.stopGrace.toSeconds()}s`,
  });
}

function authSection(auth: IngressAuth): object {
  switch (auth.kind) {
    case "generated-key":
      return { auth: { kind: "keys", keys: [{ principal: "client", key: `\${${CLIENT_KEY_VARIABLE}}` }] } };
    case "keys": {
      const keys = auth.keys.map(({ principal, types }, index) => ({
        principal,
        key: `\${${CLIENT_KEY_VARIABLE}_${index}}`,
        ...(types !== undefined && { types }),
      }));
      return { auth: { kind: "keys", keys } };
    }
    case "jwt":
      return { auth };
    case "network":
      return { allowUnauthenticated: true };
    default:
      throw new Error(`unknown kind of auth: ${JSON.stringify(auth satisfies never)}`);
  }
}

/** The variables that the settings above refer to. */
export function secretsByVariable(auth: IngressAuth, adminKey: ISecret, clientKey: ISecret | null): ReadonlyMap<string, ISecret> {
  const secrets = new Map([[ADMIN_KEY_VARIABLE, adminKey]]);
  if (clientKey !== null) secrets.set(CLIENT_KEY_VARIABLE, clientKey);
  if (auth.kind === "keys") {
    for (const [index, { secret }] of auth.keys.entries()) secrets.set(`${CLIENT_KEY_VARIABLE}_${index}`, secret);
  }
  return secrets;
}

/** Names end up in host names, keys and object names: what the router takes, less what Cloud Map does not. */
export function checkClusterName(name: string): void {
  if (Token.isUnresolved(name)) throw new Error("clusterName must be a plain text: it is part of everything that is stored");
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new Error(`clusterName '${name}': 1 to 32 lower-case letters, digits and '-' are expected`);
  }
}
