/** The routers as a Fargate service, and the load balancer in front of them. */
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import type { ICertificate } from "aws-cdk-lib/aws-certificatemanager";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as ecs from "aws-cdk-lib/aws-ecs";
import * as elb from "aws-cdk-lib/aws-elasticloadbalancingv2";
import type * as iam from "aws-cdk-lib/aws-iam";
import * as logs from "aws-cdk-lib/aws-logs";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import { PrivateDnsNamespace } from "aws-cdk-lib/aws-servicediscovery";
import { Construct } from "constructs";
import { accept } from "./accepted-finding.js";
import { logLoadBalancer } from "./load-balancer-log.js";
import { ADMIN_PORT, INGRESS_PORT, PEER_PORT } from "./router-settings.js";

/** Between the end of the drain and the kill: segments are written, shards released, the log sealed. */
const AFTER_DRAIN_SECONDS = 30;
/** Fargate kills after so long at the latest. */
export const STOP_SECONDS_MAX = 120;
/** The longest drain that leaves time for the rest. */
export const DRAIN_SECONDS_MAX = STOP_SECONDS_MAX - AFTER_DRAIN_SECONDS;
/** Below the 65 s for which the router keeps idle connections: else the balancer uses one that is just being closed (502). */
const BALANCER_IDLE_SECONDS = 60;

export interface RouterServiceProps {
  readonly clusterName: string;
  readonly vpc: ec2.IVpc;
  readonly image: ecs.ContainerImage;
  readonly routers: number;
  readonly routersMax: number;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly architecture: ecs.CpuArchitecture;
  readonly stopGrace: Duration;
  readonly settingsText: string;
  readonly secretByVariable: ReadonlyMap<string, ISecret>;
  readonly logRetention: logs.RetentionDays;
  readonly isInternetFacing: boolean;
  readonly certificate: ICertificate | null;
  readonly accessLogs: IBucket;
}

export class RouterService extends Construct {
  readonly service: ecs.FargateService;
  readonly taskRole: iam.Role;
  readonly logGroup: logs.LogGroup;
  readonly loadBalancer: elb.ApplicationLoadBalancer;
  readonly targets: elb.ApplicationTargetGroup;
  readonly listener: elb.ApplicationListener;
  /** Of the routers' admin APIs, within the VPC. Every address is that of some router; any of them will do. */
  readonly adminUrl: string;

  constructor(scope: Construct, id: string, props: RouterServiceProps) {
    super(scope, id);
    this.logGroup = new logs.LogGroup(this, "Log", { retention: props.logRetention, removalPolicy: RemovalPolicy.RETAIN });
    const task = this.#taskDefinition(props);
    this.taskRole = task.taskRole as iam.Role;
    const domain = `${props.clusterName}.holdfast.internal`;
    this.service = this.#service(props, task, domain);
    this.adminUrl = `http://routers.${domain}:${ADMIN_PORT}`;
    this.loadBalancer = new elb.ApplicationLoadBalancer(this, "LoadBalancer", {
      vpc: props.vpc,
      internetFacing: props.isInternetFacing,
      idleTimeout: Duration.seconds(BALANCER_IDLE_SECONDS),
      dropInvalidHeaderFields: true,
      deletionProtection: false,
    });
    logLoadBalancer(this.loadBalancer, props.accessLogs);
    this.targets = this.#targets(props);
    this.listener = this.#listener(props);
  }

  #taskDefinition(props: RouterServiceProps): ecs.FargateTaskDefinition {
    const task = new ecs.FargateTaskDefinition(this, "Task", {
      cpu: props.cpu,
      memoryLimitMiB: props.memoryMiB,
      runtimePlatform: { cpuArchitecture: props.architecture, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX },
    });
    task.addContainer("router", {
      image: props.image,
      essential: true,
      // No file of the image changes, and none is written: state is in the tables and the bucket.
      readonlyRootFilesystem: true,
      user: "65532",
      environment: {
        HOLDFAST_CONFIG: props.settingsText,
        // Half for JavaScript's heap; the cache and what is in flight are buffers outside of it.
        NODE_OPTIONS: `--max-old-space-size=${Math.floor(props.memoryMiB / 2)}`,
      },
      secrets: Object.fromEntries([...props.secretByVariable].map(([name, of]) => [name, ecs.Secret.fromSecretsManager(of)])),
      portMappings: [INGRESS_PORT, ADMIN_PORT, PEER_PORT].map((containerPort) => ({ containerPort })),
      logging: ecs.LogDrivers.awsLogs({ logGroup: this.logGroup, streamPrefix: "router" }),
      stopTimeout: Duration.seconds(props.stopGrace.toSeconds() + AFTER_DRAIN_SECONDS),
      // Alive, not ready: a router that replays its log must not be killed for it.
      healthCheck: {
        command: [
          "CMD",
          "/nodejs/bin/node",
          "-e",
          `fetch("http://127.0.0.1:${ADMIN_PORT}/healthz").then((r)=>process.exit(r.ok?0:1),()=>process.exit(1))`,
        ],
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        retries: 3,
        startPeriod: Duration.seconds(60),
      },
      linuxParameters: withoutCapabilities(this),
    });
    accept(task, "CloudFormation-Validate::E1029", "references within the settings are for the router, which has the variables");
    accept(task, "AwsSolutions-ECS2", "settings are no secrets; what is one comes from Secrets Manager");
    const { executionRole } = task;
    if (executionRole !== undefined) {
      accept(executionRole, "AwsSolutions-IAM5[Resource::*]", "ecr:GetAuthorizationToken cannot be narrowed to a resource");
    }
    return task;
  }

  #service(props: RouterServiceProps, taskDefinition: ecs.FargateTaskDefinition, domain: string): ecs.FargateService {
    const cluster = new ecs.Cluster(this, "Cluster", {
      vpc: props.vpc,
      containerInsightsV2: ecs.ContainerInsights.ENABLED,
    });
    const namespace = new PrivateDnsNamespace(this, "Names", { name: domain, vpc: props.vpc });
    const vpcSubnets = { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS };
    const service = new ecs.FargateService(this, "Service", {
      cluster,
      taskDefinition,
      // Where they scale, CloudFormation must not set them back to the least at each deployment: the scalable target sees to that.
      ...(props.routersMax === props.routers && { desiredCount: props.routers }),
      assignPublicIp: false,
      vpcSubnets,
      // New routers start beside the old ones and are ready before those are told to stop. An old one then hands its shards
      // over and answers until the last of them is gone.
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { enable: true, rollback: true },
      // Longer than any replay of the 64 MB of tail that a crash can leave.
      healthCheckGracePeriod: Duration.minutes(5),
      cloudMapOptions: { cloudMapNamespace: namespace, name: "routers", dnsTtl: Duration.seconds(5) },
      enableExecuteCommand: false,
      availabilityZoneRebalancing: ecs.AvailabilityZoneRebalancing.ENABLED,
    });
    for (const group of service.connections.securityGroups)
      group.addIngressRule(group, ec2.Port.tcp(PEER_PORT), "routers among themselves");
    // The first task finds a way to its image, and is allowed to read its secrets: else the circuit breaker counts it.
    service.node.addDependency(props.vpc.selectSubnets(vpcSubnets).internetConnectivityEstablished);
    if (taskDefinition.executionRole !== undefined) service.node.addDependency(taskDefinition.executionRole);
    return service;
  }

  #targets(props: RouterServiceProps): elb.ApplicationTargetGroup {
    const targets = new elb.ApplicationTargetGroup(this, "Targets", {
      vpc: props.vpc,
      targetType: elb.TargetType.IP,
      protocol: elb.ApplicationProtocol.HTTP,
      port: INGRESS_PORT,
      targets: [this.service.loadBalancerTarget({ containerName: "router", containerPort: INGRESS_PORT })],
      // What has been sent is finished; the router is told to stop after that.
      deregistrationDelay: props.stopGrace,
      healthCheck: {
        port: String(ADMIN_PORT),
        path: "/readyz",
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 3,
        healthyHttpCodes: "200",
      },
    });
    this.service.connections.allowFrom(this.loadBalancer, ec2.Port.tcp(ADMIN_PORT), "health checks of the load balancer");
    return targets;
  }

  #listener(props: RouterServiceProps): elb.ApplicationListener {
    const { certificate } = props;
    const listener = this.loadBalancer.addListener("Listener", {
      // Nobody, until somebody is let in; everybody where it faces the internet.
      open: props.isInternetFacing,
      defaultTargetGroups: [this.targets],
      ...(certificate === null
        ? { protocol: elb.ApplicationProtocol.HTTP, port: 80 }
        : {
            protocol: elb.ApplicationProtocol.HTTPS,
            port: 443,
            certificates: [certificate],
            sslPolicy: elb.SslPolicy.RECOMMENDED_TLS,
          }),
    });
    if (props.isInternetFacing) {
      for (const group of this.loadBalancer.connections.securityGroups)
        accept(
          group,
          "AwsSolutions-EC23",
          "asked for with internetFacing: clients are everywhere, over TLS and with authentication",
        );
    }
    return listener;
  }
}

function withoutCapabilities(scope: Construct): ecs.LinuxParameters {
  const parameters = new ecs.LinuxParameters(scope, "Linux");
  parameters.dropCapabilities(ecs.Capability.ALL);
  return parameters;
}
