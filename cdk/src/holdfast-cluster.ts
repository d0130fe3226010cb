/** A whole cluster: storage, routers, load balancer, roles, alarms. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CfnOutput, Duration, RemovalPolicy, Resource, Stack } from "aws-cdk-lib";
import type { ICertificate } from "aws-cdk-lib/aws-certificatemanager";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import { Platform } from "aws-cdk-lib/aws-ecr-assets";
import * as ecs from "aws-cdk-lib/aws-ecs";
import * as iam from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { type ISecret, Secret } from "aws-cdk-lib/aws-secretsmanager";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import { type Construct, Dependable } from "constructs";
import { accept } from "./accepted-finding.js";
import { Alarms } from "./alarms.js";
import type { HoldfastClusterAttributes, IHoldfastCluster } from "./cluster-reference.js";
import { makeDashboard } from "./dashboard.js";
import { Figures } from "./figures.js";
import type { IngressAuth } from "./ingress-auth.js";
import { makeVpc } from "./network.js";
import { Registrar } from "./registrar.js";
import { grantStorage } from "./router-permissions.js";
import { DRAIN_SECONDS_MAX, RouterService } from "./router-service.js";
import { ADMIN_PORT, checkClusterName, type RouterSettings, routerSettingsText, secretsByVariable } from "./router-settings.js";
import { scaleRouters } from "./scaling.js";
import { type ExistingStorage, makeAccessLogBucket, Storage, type WarmThroughput } from "./storage.js";

export interface HoldfastClusterProps {
  /** Part of every stored key and of host names: fixed for ever. 1 to 32 lower-case letters, digits and `-`. */
  readonly clusterName: string;
  /**
   * Default: a VPC of its own over two zones, with a NAT gateway in each (about $66 a month together) and free gateway
   * endpoints for DynamoDB and S3. One of your own needs private subnets with a way out, and should have both endpoints.
   */
  readonly vpc?: ec2.IVpc;
  /**
   * Default: built from the Dockerfile of the repository that this construct lies in, when the stack is deployed; that takes
   * Docker. Must contain the router as that Dockerfile does: Node at `/nodejs/bin/node`.
   */
  readonly image?: ecs.ContainerImage;
  /**
   * How many routers run at least, over the zones of the VPC. Default: 3. With one, its entities wait for a new task after a
   * crash. 0 stops the cluster and keeps everything.
   */
  readonly routers?: number;
  /** How many run at most. Default: four times `routers`. The same as `routers`: their number is fixed. */
  readonly routersMax?: number;
  /** CPU units of one router; 1,024 are one processor. Default: 1024. More does not help: a router uses one processor. */
  readonly cpu?: number;
  /** Memory of one router. Default: 2048. Half is JavaScript's heap, a third bounds what the router holds, an eighth is cache. */
  readonly memoryMiB?: number;
  /** Default: X86_64, which any machine can build. ARM64 is a fifth cheaper, and wants to be built on such a machine. */
  readonly architecture?: ecs.CpuArchitecture;
  /** Units of ownership, and so the most routers that can share the work. Fixed with the first start; `holdfast cluster split` doubles them later. Default: 64. */
  readonly shards?: number;
  /** Default: one generated key. See `IngressAuth`. */
  readonly auth?: IngressAuth;
  /**
   * Whether clients come from the internet. Default: false, the load balancer has private addresses and lets in only whom
   * `connections` allows. True needs `certificate`, and an `auth` that is not `network`.
   */
  readonly isInternetFacing?: boolean;
  /** Default: none, clients speak plain HTTP to the load balancer: keys and data can be read within the VPC. */
  readonly certificate?: ICertificate;
  /**
   * How long a record of the log lives, needed or not, in whole days. Default: 14 days. A cluster that stands still for half
   * of it does not start by itself any more; at twice the time, storage of the log costs twice as much.
   */
  readonly recordTtl?: Duration;
  /** Default: what every new table has, free: 4,000 writes and 12,000 reads a second. More is charged once, when it is raised. */
  readonly warmThroughput?: WarmThroughput;
  /** Default: keys of AWS's own, free. One of yours can be revoked, and is charged for by request. */
  readonly encryptionKey?: IKey;
  /** Default: new tables and a new bucket. They stay when the stack is deleted: name them here to begin with them again. */
  readonly existingStorage?: ExistingStorage;
  /**
   * How long an orderly stop waits for calls that are under way, 1 to 90 seconds. Default: 30 seconds, the longest default
   * deadline. The task is killed 30 seconds later; an update takes at least that long.
   */
  readonly stopGrace?: Duration;
  /** Of the routers' log, which stays when the stack is deleted. Default: three months. */
  readonly logRetention?: RetentionDays;
  /** Who is told of alarms, and of their end. Default: nobody, they show in the console only. */
  readonly alarmTopic?: ITopic;
  /** More of the router's settings. Default: none. */
  readonly settings?: RouterSettings;
}

export class HoldfastCluster extends Resource implements IHoldfastCluster {
  /** A cluster of another stack, by its outputs. */
  static fromAttributes(scope: Construct, id: string, attributes: HoldfastClusterAttributes): IHoldfastCluster {
    return new ImportedCluster(scope, id, attributes);
  }

  readonly clusterName: string;
  readonly url: string;
  /** Of the admin API, for those in `operators`. */
  readonly adminUrl: string;
  readonly vpc: ec2.IVpc;
  readonly connections: ec2.Connections;
  readonly grantPrincipal: iam.IPrincipal;
  readonly taskRole: iam.IRole;
  readonly registrarArn: string;
  readonly registrarRole: iam.IRole;
  readonly clientKey: ISecret | null;
  /** The key of the admin API, which can read and purge everything. */
  readonly adminKey: ISecret;
  readonly storage: Storage;
  readonly routers: RouterService;
  readonly alarms: Alarms;
  /** Whoever has this security group may send commands and use the admin API, given the keys. */
  readonly operators: ec2.SecurityGroup;

  constructor(scope: Construct, id: string, props: HoldfastClusterProps) {
    super(scope, id);
    checkClusterName(props.clusterName);
    const { auth = { kind: "generated-key" }, isInternetFacing = false, memoryMiB = 2_048 } = props;
    const { logRetention = RetentionDays.THREE_MONTHS } = props;
    const routers = wholeNumber("routers", props.routers ?? 3, 0);
    const routersMax = wholeNumber("routersMax", props.routersMax ?? routers * 4, routers);
    const shards = wholeNumber("shards", props.shards ?? 64, 1);
    const stopGrace = checkedStopGrace(props.stopGrace ?? Duration.seconds(30));
    checkExposure(isInternetFacing, props.certificate, auth);
    const accessLogs = makeAccessLogBucket(this, "AccessLogs");
    this.clusterName = props.clusterName;
    this.vpc = props.vpc ?? makeVpc(this, "Vpc", accessLogs);
    this.storage = new Storage(this, "Storage", {
      existing: props.existingStorage ?? null,
      warmThroughput: props.warmThroughput ?? { readUnitsPerSecond: 12_000, writeUnitsPerSecond: 4_000 },
      encryptionKey: props.encryptionKey ?? null,
      accessLogs,
    });
    this.adminKey = this.#key("AdminKey", "the admin API");
    this.clientKey = auth.kind === "generated-key" ? this.#key("ClientKey", "clients") : null;
    const stack = Stack.of(this);
    const architecture = props.architecture ?? ecs.CpuArchitecture.X86_64;
    this.routers = new RouterService(this, "Routers", {
      clusterName: props.clusterName,
      vpc: this.vpc,
      image: props.image ?? imageOfRepository(architecture),
      routers,
      routersMax,
      cpu: props.cpu ?? 1_024,
      memoryMiB,
      architecture,
      stopGrace,
      settingsText: routerSettingsText(stack, {
        clusterName: props.clusterName,
        shards,
        storage: this.storage,
        region: stack.region,
        recordTtl: props.recordTtl ?? Duration.days(14),
        stopGrace,
        memoryMiB,
        auth,
        settings: props.settings ?? {},
      }),
      secretByVariable: secretsByVariable(auth, this.adminKey, this.clientKey),
      logRetention,
      isInternetFacing,
      certificate: props.certificate ?? null,
      accessLogs,
    });
    this.taskRole = this.routers.taskRole;
    this.grantPrincipal = this.taskRole.grantPrincipal;
    grantStorage(this.routers.taskRole, this.storage, `${props.clusterName}/`);
    const registrar = new Registrar(this, "Registrar", {
      vpc: this.vpc,
      adminUrl: this.routers.adminUrl,
      adminKey: this.adminKey,
      logRetention,
    });
    this.registrarArn = registrar.function.functionArn;
    this.registrarRole = registrar.role;
    const { service, loadBalancer, listener } = this.routers;
    service.connections.allowFrom(registrar.function, ec2.Port.tcp(ADMIN_PORT), "registration of functions");
    const figures = new Figures(this, "Figures", props.clusterName, this.routers.logGroup);
    if (routersMax > routers) {
      const load = figures.metric("node_load", "Average", Duration.minutes(1));
      scaleRouters(service, { routersMin: routers, routersMax, load });
    }
    // Who depends on a cluster waits for what it takes to register a function: routers that run, and the way to them.
    Dependable.implement(this, { dependencyRoots: [service, this.routers.listener, registrar] });
    const { securityGroups } = loadBalancer.connections;
    this.connections = new ec2.Connections({ securityGroups, defaultPort: ec2.Port.tcp(listener.port) });
    this.operators = this.#operators();
    this.adminUrl = this.routers.adminUrl;
    this.url = `${props.certificate === undefined ? "http" : "https"}://${loadBalancer.loadBalancerDnsName}`;
    this.alarms = new Alarms(this, "Alarms", {
      clusterName: props.clusterName,
      routers,
      routersMax,
      shards,
      figures,
      service: this.routers,
      storage: this.storage,
      topic: props.alarmTopic ?? null,
    });
    makeDashboard(this, "Dashboard", { service: this.routers, storage: this.storage, alarms: this.alarms, figures });
    this.#outputs();
  }

  #key(id: string, of: string): Secret {
    const secret = new Secret(this, id, {
      description: `Holdfast ${this.clusterName}: key of ${of}`,
      generateSecretString: { passwordLength: 40, excludePunctuation: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    accept(secret, "AwsSolutions-SMG4", "routers read keys when they start: docs/deploy-aws.md says how to change one");
    return secret;
  }

  #operators(): ec2.SecurityGroup {
    const operators = new ec2.SecurityGroup(this, "Operators", {
      vpc: this.vpc,
      description: `May reach the routers of ${this.clusterName} and their admin API`,
    });
    this.connections.allowDefaultPortFrom(operators, "operators");
    this.routers.service.connections.allowFrom(operators, ec2.Port.tcp(ADMIN_PORT), "operators");
    return operators;
  }

  #outputs(): void {
    const { storage } = this;
    const outputs = {
      Url: this.url,
      AdminUrl: this.adminUrl,
      AdminKeyArn: this.adminKey.secretArn,
      ...(this.clientKey !== null && { ClientKeyArn: this.clientKey.secretArn }),
      LogTable: storage.logTable.tableName,
      DirectoryTable: storage.directoryTable.tableName,
      SnapshotBucket: storage.bucket.bucketName,
      TaskRoleArn: this.taskRole.roleArn,
      RegistrarArn: this.registrarArn,
      RegistrarRoleArn: this.registrarRole.roleArn,
      OperatorSecurityGroup: this.operators.securityGroupId,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

class ImportedCluster extends Resource implements IHoldfastCluster {
  readonly clusterName: string;
  readonly url: string;
  readonly connections: ec2.Connections;
  readonly grantPrincipal: iam.IPrincipal;
  readonly taskRole: iam.IRole;
  readonly registrarArn: string;
  readonly registrarRole: iam.IRole;
  readonly clientKey: ISecret | null;

  constructor(scope: Construct, id: string, attributes: HoldfastClusterAttributes) {
    super(scope, id);
    const { securityGroupId, port = 80, clientKeyArn } = attributes;
    this.clusterName = attributes.clusterName;
    this.url = attributes.url;
    this.taskRole = iam.Role.fromRoleArn(this, "TaskRole", attributes.taskRoleArn);
    this.grantPrincipal = this.taskRole.grantPrincipal;
    this.registrarArn = attributes.registrarArn;
    this.registrarRole = iam.Role.fromRoleArn(this, "RegistrarRole", attributes.registrarRoleArn);
    this.clientKey = clientKeyArn === undefined ? null : Secret.fromSecretCompleteArn(this, "ClientKey", clientKeyArn);
    this.connections = new ec2.Connections({
      defaultPort: ec2.Port.tcp(port),
      securityGroups:
        securityGroupId === undefined ? [] : [ec2.SecurityGroup.fromSecurityGroupId(this, "LoadBalancer", securityGroupId)],
    });
  }
}

/** The repository's root, seen from the compiled construct (`cdk/dist/src`). */
const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

function imageOfRepository(architecture: ecs.CpuArchitecture): ecs.ContainerImage {
  if (!existsSync(`${REPOSITORY}/Dockerfile`))
    throw new Error(
      `there is no Dockerfile in ${REPOSITORY}: give 'image', as the construct lies outside of Holdfast's repository`,
    );
  const platform = architecture === ecs.CpuArchitecture.ARM64 ? Platform.LINUX_ARM64 : Platform.LINUX_AMD64;
  return ecs.ContainerImage.fromAsset(REPOSITORY, { platform });
}

function wholeNumber(name: string, value: number, min: number): number {
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new Error(`${name}: a whole number from ${min} is expected, not ${value}`);
}

function checkedStopGrace(stopGrace: Duration): Duration {
  const seconds = stopGrace.toSeconds();
  if (seconds >= 1 && seconds <= DRAIN_SECONDS_MAX) return stopGrace;
  throw new Error(`stopGrace: 1 to ${DRAIN_SECONDS_MAX} seconds are possible, as Fargate kills a task after two minutes`);
}

function checkExposure(isInternetFacing: boolean, certificate: ICertificate | undefined, auth: IngressAuth): void {
  if (!isInternetFacing) return;
  if (certificate === undefined) throw new Error("isInternetFacing needs a certificate: keys would travel in plain text");
  if (auth.kind === "network")
    throw new Error("isInternetFacing needs an auth other than 'network': anybody could send commands");
}
