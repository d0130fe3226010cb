/** What can be wrong among several routers though each of them answers. */
import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import type { FargateService } from "aws-cdk-lib/aws-ecs";
import type { Condition } from "./alarm-condition.js";
import type { Figures } from "./figures.js";

const FIVE_MINUTES = Duration.minutes(5);
/** The routers' lease: behind it reads wait, and at twice of it others take over. */
const LEASE_SECONDS = 3;
/** Periods are not cut where lines are written: the product of two averages may miss some shards that are there. */
const OWNED_SHARE = 0.9;

export interface ClusterConditionsProps {
  readonly service: FargateService;
  readonly figures: Figures;
  readonly shards: number;
  readonly routersMin: number;
  readonly routersMax: number;
}

export function clusterConditions(props: ClusterConditionsProps): Readonly<Record<string, Condition>> {
  const { figures, shards } = props;
  const nodes = (statistic: "Average" | "Minimum" | "Maximum") => figures.metric("cluster_nodes", statistic, FIVE_MINUTES);
  return {
    ...countConditions(props),
    RoutersDisagree: {
      metric: expression("most - least", { most: nodes("Maximum"), least: nodes("Minimum") }),
      threshold: 1,
      periods: 3,
      meaning: "For a quarter of an hour routers have not agreed on how many they are: one of them cannot read the directory.",
    },
    HeartbeatLate: {
      metric: figures.metric("heartbeat_age_seconds", "Maximum", FIVE_MINUTES),
      threshold: LEASE_SECONDS,
      periods: 3,
      meaning: "A router's heartbeats are late again and again: its reads wait, and others take its shards. See the directory.",
    },
    ShardsMoving: {
      metric: figures.metric("shard_moves", "Sum", FIVE_MINUTES),
      threshold: Math.max(1, Math.ceil(shards / 4)),
      periods: 6,
      meaning: "Shards have been moving for half an hour, longer than any deployment: routers come and go, or lose their leases.",
    },
    ShardWithoutOwner: {
      // Of as many as there are: the share is the same behind a split.
      metric: expression("owned * nodes / shards", {
        owned: figures.metric("shards_owned", "Average", FIVE_MINUTES),
        nodes: nodes("Average"),
        shards: figures.metric("shards", "Average", FIVE_MINUTES),
      }),
      threshold: OWNED_SHARE,
      periods: 3,
      isBelow: true,
      meaning: "Some shards have had no owner for a quarter of an hour: their entities answer nothing. See the routers' status.",
    },
    ShardRefused: {
      metric: figures.metric("shards_refused", "Maximum", FIVE_MINUTES),
      threshold: 1,
      periods: 1,
      meaning: "A router refuses a shard, as something that it needs is missing or damaged. The log names it.",
    },
    DeadLetters: {
      metric: figures.metric("dead_letters", "Sum", FIVE_MINUTES),
      threshold: 1,
      periods: 1,
      meaning: "Messages failed for good and wait for somebody to decide: `holdfast dead-letters list`.",
    },
    Load: {
      metric: figures.metric("node_load", "Average", FIVE_MINUTES),
      threshold: 0.85,
      periods: 3,
      meaning: "Routers say that they are nearly full (event loop or memory.total) and autoscaling does not keep up.",
    },
  };
}

/** Container Insights counts tasks, wanted and running. */
function countConditions({ service, routersMin, routersMax }: ClusterConditionsProps): Readonly<Record<string, Condition>> {
  const tasks = (metricName: string, statistic: string) =>
    new cloudwatch.Metric({
      namespace: "ECS/ContainerInsights",
      metricName,
      dimensionsMap: { ClusterName: service.cluster.clusterName, ServiceName: service.serviceName },
      statistic,
      period: FIVE_MINUTES,
    });
  return {
    TaskMissing: {
      // At its best within each period: a task that is being replaced does not count.
      metric: expression("wanted - running", {
        wanted: tasks("DesiredTaskCount", "Minimum"),
        running: tasks("RunningTaskCount", "Maximum"),
      }),
      threshold: 1,
      periods: 3,
      meaning:
        "For a quarter of an hour fewer tasks have run than autoscaling wants: no capacity, no image, or they end at once.",
    },
    ...(routersMax > routersMin && {
      AtMost: {
        metric: tasks("RunningTaskCount", "Minimum"),
        threshold: routersMax,
        periods: 6,
        meaning: "As many routers as are allowed have run for half an hour: raise routersMax before the load grows.",
      },
    }),
  };
}

function expression(text: string, usingMetrics: Record<string, cloudwatch.IMetric>): cloudwatch.MathExpression {
  return new cloudwatch.MathExpression({ expression: text, usingMetrics, period: FIVE_MINUTES, label: text });
}
