import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { App, Duration, Stack } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { Certificate } from "aws-cdk-lib/aws-certificatemanager";
import { ContainerImage } from "aws-cdk-lib/aws-ecs";
import { Code, Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import { repository } from "../example/repository.js";
import { FIGURES } from "../src/figures.js";
import {
  EntityFunction,
  type EntityFunctionProps,
  HoldfastCluster,
  type HoldfastClusterProps,
  type IHoldfastCluster,
} from "../src/index.js";

const IMAGE = ContainerImage.fromRegistry("registry.example/holdfast:1");

function clusterOf(props: Partial<HoldfastClusterProps> = {}): {
  readonly template: Template;
  readonly cluster: HoldfastCluster;
} {
  const stack = new Stack(new App(), "Stack");
  const cluster = new HoldfastCluster(stack, "Holdfast", { clusterName: "shop", image: IMAGE, ...props });
  return { template: Template.fromStack(stack), cluster };
}

interface Container {
  readonly StopTimeout: number;
  readonly ReadonlyRootFilesystem: boolean;
  readonly User: string;
  readonly Environment: readonly { readonly Name: string; readonly Value: unknown }[];
}

function containerOf(template: Template): Container {
  const [task] = Object.values(template.findResources("AWS::ECS::TaskDefinition"));
  return task?.["Properties"].ContainerDefinitions[0];
}

/** The router's settings, names of tables and bucket as `*`. */
function settingsOf(template: Template): Readonly<Record<string, unknown>> {
  const value = containerOf(template).Environment.find(({ Name }) => Name === "HOLDFAST_CONFIG")?.Value as {
    "Fn::Join": [string, unknown[]];
  };
  return JSON.parse(value["Fn::Join"][1].map((part) => (typeof part === "string" ? part : "*")).join(""));
}

describe("storage", () => {
  const { template } = clusterOf();

  it("is two tables on demand, with point-in-time recovery, that nobody deletes", () => {
    template.resourceCountIs("AWS::DynamoDB::Table", 2);
    template.allResources("AWS::DynamoDB::Table", {
      DeletionPolicy: "Retain",
      UpdateReplacePolicy: "Retain",
      Properties: Match.objectLike({
        BillingMode: "PAY_PER_REQUEST",
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 },
      }),
    });
  });

  it("lets records expire, and documents not", () => {
    template.hasResourceProperties("AWS::DynamoDB::Table", {
      KeySchema: [{ AttributeName: "k", KeyType: "HASH" }],
      TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
      WarmThroughput: { ReadUnitsPerSecond: 12_000, WriteUnitsPerSecond: 4_000 },
    });
    template.hasResourceProperties("AWS::DynamoDB::Table", {
      KeySchema: [
        { AttributeName: "g", KeyType: "HASH" },
        { AttributeName: "k", KeyType: "RANGE" },
      ],
      TimeToLiveSpecification: Match.absent(),
    });
  });

  it("is a versioned, encrypted, private bucket that stays and never expires what is current", () => {
    template.hasResource("AWS::S3::Bucket", {
      DeletionPolicy: "Retain",
      UpdateReplacePolicy: "Retain",
      Properties: {
        VersioningConfiguration: { Status: "Enabled" },
        BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }] },
        LifecycleConfiguration: {
          Rules: [
            {
              NoncurrentVersionExpiration: { NoncurrentDays: 35 },
              ExpiredObjectDeleteMarker: true,
              ExpirationInDays: Match.absent(),
            },
            { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 }, ExpirationInDays: Match.absent() },
          ],
        },
      },
    });
    const everything = { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true };
    template.allResourcesProperties("AWS::S3::Bucket", { PublicAccessBlockConfiguration: everything });
  });

  it("refuses plain HTTP, for both buckets", () => {
    template.resourceCountIs("AWS::S3::BucketPolicy", 2);
    template.allResourcesProperties("AWS::S3::BucketPolicy", {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: "Deny",
            Action: "s3:*",
            Principal: { AWS: "*" },
            Condition: { Bool: { "aws:SecureTransport": "false" } },
          }),
        ]),
      },
    });
  });

  it("can be that of an earlier cluster", () => {
    const existingStorage = { logTableName: "old-log", directoryTableName: "old-directory", bucketName: "old-segments" };
    const { template: restored } = clusterOf({ existingStorage });
    restored.resourceCountIs("AWS::DynamoDB::Table", 0);
    assert.deepEqual(settingsOf(restored)["journal"], { kind: "dynamodb", table: "old-log", ttl: "14d" });
    assert.deepEqual(settingsOf(restored)["snapshots"], { kind: "s3", bucket: "old-segments", prefix: "shop/" });
  });
});

describe("the routers", () => {
  it("are killed later than their drain ends, whatever it was set to, and drained targets are waited for", () => {
    for (const seconds of [1, 30, 90]) {
      const { template } = clusterOf({ stopGrace: Duration.seconds(seconds) });
      assert.equal(settingsOf(template)["stopGrace"], `${seconds}s`);
      assert.ok(containerOf(template).StopTimeout >= seconds + 30);
      assert.ok(containerOf(template).StopTimeout <= 120, "Fargate's limit");
    }
    assert.throws(() => clusterOf({ stopGrace: Duration.seconds(91) }), /stopGrace/);
  });

  it("write nothing to their file system, and are not root", () => {
    const { ReadonlyRootFilesystem, User } = containerOf(clusterOf().template);
    assert.deepEqual([ReadonlyRootFilesystem, User], [true, "65532"]);
  });

  it("are replaced without a gap: the new ones are ready before the old ones are stopped, with a way back", () => {
    const { template } = clusterOf();
    template.hasResourceProperties("AWS::ECS::Service", {
      DeploymentConfiguration: {
        MinimumHealthyPercent: 100,
        MaximumPercent: 200,
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      },
      AvailabilityZoneRebalancing: "ENABLED",
    });
  });

  it("are three at least, in private subnets of two zones, and as many more as their load wants", () => {
    const { template } = clusterOf();
    const [service] = Object.values(template.findResources("AWS::ECS::Service"));
    const { DesiredCount, NetworkConfiguration } = service?.["Properties"] ?? {};
    assert.equal(DesiredCount, undefined, "a deployment would set it back to the least, under load");
    assert.equal(NetworkConfiguration.AwsvpcConfiguration.Subnets.length, 2);
    template.hasResourceProperties("AWS::ApplicationAutoScaling::ScalableTarget", { MinCapacity: 3, MaxCapacity: 12 });
    template.resourceCountIs("AWS::ApplicationAutoScaling::ScalingPolicy", 2);
    const tracking = (specification: object) =>
      template.hasResourceProperties("AWS::ApplicationAutoScaling::ScalingPolicy", {
        PolicyType: "TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration: specification,
      });
    tracking({
      TargetValue: 0.6,
      CustomizedMetricSpecification: { Namespace: "Holdfast", MetricName: "shop-node-load", Statistic: "Average" },
    });
    tracking({
      TargetValue: 60,
      PredefinedMetricSpecification: { PredefinedMetricType: "ECSServiceAverageCPUUtilization" },
    });
  });

  it("are of a fixed number where that is wanted, and none where the cluster is to stand still", () => {
    for (const routers of [0, 2]) {
      const { template } = clusterOf({ routers, routersMax: routers });
      template.hasResourceProperties("AWS::ECS::Service", { DesiredCount: routers });
      template.resourceCountIs("AWS::ApplicationAutoScaling::ScalableTarget", 0);
    }
    clusterOf({ routers: 0 }).template.hasResourceProperties("AWS::ECS::Service", { DesiredCount: 0 });
    assert.throws(() => clusterOf({ routers: 3, routersMax: 2 }), /routersMax/);
  });

  it("speak to one another at a port that nobody else reaches", () => {
    const { template } = clusterOf();
    assert.deepEqual(settingsOf(template)["peers"], { listen: "0.0.0.0:7071" });
    const rules = Object.values(template.findResources("AWS::EC2::SecurityGroupIngress")).map(({ Properties }) => Properties);
    const reaching = rules.filter(({ FromPort, ToPort }) => FromPort <= 7071 && ToPort >= 7071);
    assert.equal(reaching.length, 1);
    assert.deepEqual(reaching[0]?.GroupId, reaching[0]?.SourceSecurityGroupId, "the routers' own group");
    const [service] = Object.values(template.findResources("AWS::ECS::Service"));
    assert.deepEqual(service?.["Properties"].NetworkConfiguration.AwsvpcConfiguration.SecurityGroups, [reaching[0]?.GroupId]);
  });

  it("tell their figures once a minute, and each becomes a metric under the name that the router gives it", () => {
    const { template } = clusterOf();
    assert.deepEqual(settingsOf(template)["log"], { level: "info", figuresEvery: "60s" });
    const told = readFileSync(repository("src/router/metrics/figures-log.ts"), "utf8");
    const filters = Object.values(template.findResources("AWS::Logs::MetricFilter")).map(({ Properties }) => Properties);
    const figures = filters.filter(({ FilterPattern }) => FilterPattern.includes("$.figures."));
    assert.equal(figures.length, FIGURES.length);
    for (const { FilterPattern, MetricTransformations } of figures) {
      const [{ MetricName, MetricValue }] = MetricTransformations;
      const name = /^\{ \$\.figures\.(\w+) = "?\*"? \}$/.exec(FilterPattern)?.[1] ?? FilterPattern;
      assert.ok(told.includes(`"${name}"`), `the router tells no ${name}`);
      assert.deepEqual([MetricName, MetricValue], [`shop-${name.replaceAll("_", "-")}`, `$.figures.${name}`]);
    }
  });

  it("are asked whether they are ready by the load balancer, and whether they live by their task", () => {
    const { template } = clusterOf();
    template.hasResourceProperties("AWS::ElasticLoadBalancingV2::TargetGroup", {
      HealthCheckPath: "/readyz",
      HealthCheckPort: "9070",
    });
    assert.match(JSON.stringify(containerOf(template)), /"CMD".*127\.0\.0\.1:9070\/healthz/);
  });

  it("have keys from Secrets Manager, and none in their settings", () => {
    const { template } = clusterOf();
    assert.match(JSON.stringify(settingsOf(template)["ingress"]), /"key":"\$\{HOLDFAST_CLIENT_KEY\}"/);
    assert.match(JSON.stringify(settingsOf(template)["admin"]), /"key":"\$\{HOLDFAST_ADMIN_KEY\}"/);
    assert.throws(() => clusterOf({ settings: { ingress: { allowUnauthenticated: true } } }), /'auth'/);
  });
});

describe("the alarms", () => {
  const { template } = clusterOf();
  const alarms = Object.entries(template.findResources("AWS::CloudWatch::Alarm"));
  const alarm = (name: string) => {
    const found = alarms.find(([id]) => new RegExp(`Alarms${name}[0-9A-F]{8}$`).test(id));
    assert.ok(found !== undefined, name);
    return found[1]["Properties"];
  };

  it("know when nobody has written a heartbeat for a day, also when there are no data at all", () => {
    const { MetricName, Namespace, Period, Threshold, ComparisonOperator, TreatMissingData } = alarm("NoHeartbeat");
    assert.deepEqual([Namespace, MetricName, Period], ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", 86_400]);
    assert.deepEqual([Threshold, ComparisonOperator, TreatMissingData], [1, "LessThanThreshold", "breaching"]);
  });

  it("know when tasks are missing against what is wanted now, not against a number of the template", () => {
    const { Metrics, Threshold } = alarm("TaskMissing");
    const names = Metrics.map((one: { MetricStat?: { Metric: { MetricName: string } } }) => one.MetricStat?.Metric.MetricName);
    assert.deepEqual(names, [undefined, "DesiredTaskCount", "RunningTaskCount"]);
    assert.deepEqual([Metrics[0].Expression, Threshold], ["wanted - running", 1]);
  });

  it("know shards without an owner by the share of those that there are, so that a split changes nothing", () => {
    const { Metrics, Threshold, ComparisonOperator } = alarm("ShardWithoutOwner");
    assert.deepEqual(
      [Metrics[0].Expression, Threshold, ComparisonOperator],
      ["owned * nodes / shards", 0.9, "LessThanThreshold"],
    );
  });

  it("know shards that never rest, whatever their number, and tell nothing of a deployment of ten minutes", () => {
    for (const [shards, threshold] of [
      [64, 16],
      [1, 1],
    ] as const) {
      const { template: one } = clusterOf({ shards });
      one.hasResourceProperties("AWS::CloudWatch::Alarm", {
        MetricName: "shop-shard-moves",
        Statistic: "Sum",
        Threshold: threshold,
        Period: 300,
        EvaluationPeriods: 6,
      });
    }
  });

  it("are each explained by name in docs/operations.md", () => {
    const text = readFileSync(repository("docs/operations.md"), "utf8");
    for (const [id] of alarms) {
      const name = /Alarms([A-Za-z]+?)[0-9A-F]{8}$/.exec(id)?.[1] ?? id;
      assert.ok(text.includes(`\`${name}\``), `docs/operations.md says nothing of ${name}`);
    }
    assert.ok(alarms.length >= 16, `${alarms.length}`);
  });

  it("watch the upper end of scaling only where there is one", () => {
    assert.equal(alarm("AtMost").Threshold, 12);
    const fixed = clusterOf({ routers: 3, routersMax: 3 }).template.findResources("AWS::CloudWatch::Alarm");
    assert.ok(!Object.keys(fixed).some((id) => id.includes("AlarmsAtMost")));
  });
});

describe("who gets in", () => {
  it("is nobody who was not let in: the balancer is internal, and no security group is open to the world", () => {
    const { template } = clusterOf();
    template.hasResourceProperties("AWS::ElasticLoadBalancingV2::LoadBalancer", { Scheme: "internal" });
    for (const type of ["AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"]) {
      for (const { Properties } of Object.values(template.findResources(type))) {
        const rules = type === "AWS::EC2::SecurityGroup" ? (Properties.SecurityGroupIngress ?? []) : [Properties];
        assert.deepEqual(
          rules.filter((rule: object) => "CidrIp" in rule || "CidrIpv6" in rule),
          [],
        );
      }
    }
  });

  it("from the internet takes TLS and authentication", () => {
    assert.throws(() => clusterOf({ isInternetFacing: true }), /certificate/);
    const stack = new Stack(new App(), "Stack");
    const certificate = Certificate.fromCertificateArn(stack, "Certificate", "arn:aws:acm:eu-west-1:123456789012:certificate/c");
    const open = { clusterName: "shop", image: IMAGE, isInternetFacing: true, certificate };
    assert.throws(() => new HoldfastCluster(stack, "Open", { ...open, auth: { kind: "network" } }), /'network'/);
    new HoldfastCluster(stack, "Holdfast", open);
    Template.fromStack(stack).hasResourceProperties("AWS::ElasticLoadBalancingV2::Listener", { Port: 443, Protocol: "HTTPS" });
  });
});

describe("permissions", () => {
  it("name resources; each wildcard is one that a reason was given for", () => {
    const stack = new Stack(new App(), "Stack");
    withFunction(stack, new HoldfastCluster(stack, "Holdfast", { clusterName: "shop", image: IMAGE }));
    const wild: string[] = [];
    for (const { Properties } of Object.values(Template.fromStack(stack).findResources("AWS::IAM::Policy"))) {
      for (const { Action, Resource, Condition } of Properties.PolicyDocument.Statement) {
        const text = JSON.stringify(Resource);
        assert.ok(![Action].flat().some((action: string) => action.includes("*")), `${Action}`);
        if (text.includes("*"))
          wild.push(
            `${[Action].flat()[0]} ${text.replace(/"Fn::GetAtt":\["([A-Za-z]+?)[0-9A-F]{8}/g, '"$1')} ${Condition ?? ""}`,
          );
      }
    }
    assert.deepEqual(
      wild.map((one) => one.split(" ")[0]).sort(),
      ["ec2:CreateNetworkInterface", "lambda:DeleteFunction", "lambda:InvokeFunction", "s3:GetObject"],
      "network interfaces, versions to delete, versions to invoke, segments below the prefix",
    );
    assert.ok(
      wild.every((one) => one.startsWith("ec2:") || /:\*"|shop\/\*"/.test(one)),
      wild.join("\n"),
    );
  });

  it("to invoke a function have the routers alone, and only for its versions", () => {
    const stack = new Stack(new App(), "Stack");
    withFunction(stack, new HoldfastCluster(stack, "Holdfast", { clusterName: "shop", image: IMAGE }));
    const template = Template.fromStack(stack);
    template.resourceCountIs("AWS::Lambda::Permission", 0);
    const policies = Object.values(template.findResources("AWS::IAM::Policy"));
    const invoking = policies.filter((one) => JSON.stringify(one).includes("lambda:InvokeFunction"));
    assert.equal(invoking.length, 1);
    assert.match(JSON.stringify(invoking[0]?.["Properties"].Roles), /TaskRole/);
  });
});

describe("a function", () => {
  it("is registered by version, after routers and permissions; its versions stay when they are replaced", () => {
    const stack = new Stack(new App(), "Stack");
    withFunction(stack, new HoldfastCluster(stack, "Holdfast", { clusterName: "shop", image: IMAGE }), {
      versionsKept: 7,
      limits: { inFlightMax: 8, entitiesMax: 16, prefer: "cost", timeout: Duration.seconds(5) },
    });
    const template = Template.fromStack(stack);
    template.hasResource("AWS::Lambda::Version", { DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
    const [registration] = Object.values(template.findResources("Custom::HoldfastFunction"));
    const { VersionsKept, Options } = registration?.["Properties"] ?? {};
    assert.equal(VersionsKept, "7");
    assert.deepEqual(JSON.parse(Options), { inFlightMax: 8, batch: { entitiesMax: 16 }, prefer: "cost", timeout: "5000ms" });
    const [service] = Object.keys(template.findResources("AWS::ECS::Service"));
    const policies = Object.keys(template.findResources("AWS::IAM::Policy")).filter((name) => name.startsWith("Entities"));
    for (const before of [service, ...policies]) assert.ok(registration?.["DependsOn"].includes(before), before);
  });

  it("is registered with a cluster of another stack by its outputs", () => {
    const stack = new Stack(new App(), "Functions", { env: { account: "123456789012", region: "eu-west-1" } });
    const arn = (service: string, name: string) => `arn:aws:${service}:eu-west-1:123456789012:${name}`;
    const cluster = HoldfastCluster.fromAttributes(stack, "Holdfast", {
      clusterName: "shop",
      url: "http://balancer.example",
      taskRoleArn: "arn:aws:iam::123456789012:role/routers",
      registrarArn: arn("lambda", "function:registrar"),
      registrarRoleArn: "arn:aws:iam::123456789012:role/registrar",
      securityGroupId: "sg-1",
    });
    withFunction(stack, cluster);
    const template = Template.fromStack(stack);
    template.hasResourceProperties("Custom::HoldfastFunction", { ServiceToken: arn("lambda", "function:registrar") });
    template.hasResourceProperties("AWS::IAM::Policy", { Roles: ["routers"] });
    template.resourceCountIs("AWS::ECS::Service", 0);
  });
});

function withFunction(stack: Stack, cluster: IHoldfastCluster, props: Partial<EntityFunctionProps> = {}): void {
  const code = Code.fromInline("exports.handler = async () => ({})");
  const handler = new LambdaFunction(stack, "Shop", { code, handler: "index.handler", runtime: Runtime.NODEJS_24_X });
  new EntityFunction(stack, "Entities", { cluster, handler, ...props });
}
