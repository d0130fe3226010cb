/** One page with what tells a healthy cluster from a sick one. */
import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { HttpCodeElb, HttpCodeTarget } from "aws-cdk-lib/aws-elasticloadbalancingv2";
import type { Construct } from "constructs";
import type { Alarms } from "./alarms.js";
import type { Figures } from "./figures.js";
import type { RouterService } from "./router-service.js";
import type { Storage } from "./storage.js";

const MINUTE = Duration.minutes(1);

export interface DashboardProps {
  readonly service: RouterService;
  readonly storage: Storage;
  readonly alarms: Alarms;
  readonly figures: Figures;
}

export function makeDashboard(scope: Construct, id: string, props: DashboardProps): cloudwatch.Dashboard {
  const { service, storage, alarms, figures } = props;
  const dashboard = new cloudwatch.Dashboard(scope, id, { defaultInterval: Duration.hours(3) });
  dashboard.addWidgets(new cloudwatch.AlarmStatusWidget({ title: "Alarms", alarms: [...alarms.all], width: 24, height: 3 }));
  dashboard.addWidgets(...requestWidgets(service));
  dashboard.addWidgets(...routerWidgets(service, alarms));
  dashboard.addWidgets(...clusterWidgets(figures));
  dashboard.addWidgets(...storageWidgets(storage));
  return dashboard;
}

function requestWidgets({ loadBalancer, targets }: RouterService): readonly cloudwatch.IWidget[] {
  const time = (statistic: string) => targets.metrics.targetResponseTime({ statistic, label: statistic, period: MINUTE });
  const sum = { statistic: "Sum", period: MINUTE };
  return [
    graph("Requests per minute", [loadBalancer.metrics.requestCount({ ...sum, label: "requests" })]),
    graph("Time to answer (s)", [time("p50"), time("p99"), time("Maximum")]),
    graph("5xx per minute", [
      targets.metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT, { ...sum, label: "routers" }),
      loadBalancer.metrics.httpCodeElb(HttpCodeElb.ELB_5XX_COUNT, { ...sum, label: "load balancer" }),
    ]),
  ];
}

function routerWidgets({ service, targets }: RouterService, alarms: Alarms): readonly cloudwatch.IWidget[] {
  return [
    graph("Routers ready", [targets.metrics.healthyHostCount({ statistic: "Minimum", period: MINUTE, label: "ready" })]),
    graph("Processor and memory (%)", [
      service.metricCpuUtilization({ statistic: "Maximum", period: MINUTE, label: "processor" }),
      service.metricMemoryUtilization({ statistic: "Maximum", period: MINUTE, label: "memory" }),
    ]),
    graph("Error lines in the log", [alarms.errorLines]),
  ];
}

function clusterWidgets(figures: Figures): readonly cloudwatch.IWidget[] {
  return [
    graph("Load of a router (0 to 1)", [
      figures.metric("node_load", "Average", MINUTE).with({ label: "average" }),
      figures.metric("node_load", "Maximum", MINUTE).with({ label: "the highest" }),
    ]),
    graph("Routers seen by routers", [
      figures.metric("cluster_nodes", "Minimum", MINUTE).with({ label: "least" }),
      figures.metric("cluster_nodes", "Maximum", MINUTE).with({ label: "most" }),
    ]),
    graph("Per minute", [
      figures.metric("shard_moves", "Sum", MINUTE).with({ label: "shards moved" }),
      figures.metric("forwarded_commands", "Sum", MINUTE).with({ label: "commands forwarded" }),
      figures.metric("dead_letters", "Sum", MINUTE).with({ label: "dead letters" }),
    ]),
  ];
}

function storageWidgets({ logTable, directoryTable }: Storage): readonly cloudwatch.IWidget[] {
  const of = (
    metricName: string,
    tableName: string,
    statistic: string,
    label: string,
    more: Readonly<Record<string, string>> = {},
  ) =>
    new cloudwatch.Metric({
      namespace: "AWS/DynamoDB",
      metricName,
      dimensionsMap: { TableName: tableName, ...more },
      statistic,
      label,
      period: MINUTE,
    });
  return [
    graph("Units per minute", [
      of("ConsumedWriteCapacityUnits", logTable.tableName, "Sum", "log, written"),
      of("ConsumedReadCapacityUnits", logTable.tableName, "Sum", "log, read"),
      of("ConsumedWriteCapacityUnits", directoryTable.tableName, "Sum", "directory, written"),
      of("ConsumedReadCapacityUnits", directoryTable.tableName, "Sum", "directory, read"),
    ]),
    graph("Throttled per minute", [
      of("WriteThrottleEvents", logTable.tableName, "Sum", "log, writes"),
      of("ReadThrottleEvents", logTable.tableName, "Sum", "log, reads"),
      of("WriteThrottleEvents", directoryTable.tableName, "Sum", "directory, writes"),
    ]),
    graph("Time of one append, in DynamoDB (ms)", [
      of("SuccessfulRequestLatency", logTable.tableName, "p50", "p50", { Operation: "PutItem" }),
      of("SuccessfulRequestLatency", logTable.tableName, "p99", "p99", { Operation: "PutItem" }),
    ]),
  ];
}

function graph(title: string, left: cloudwatch.IMetric[]): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({ title, left, width: 8, height: 6, leftYAxis: { min: 0 } });
}
