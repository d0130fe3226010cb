/**
 * What the routers say of themselves, as metrics: each tells its figures as a line of the log once a minute (`log.figuresEvery`),
 * and a metric filter of the log group takes each figure out. So they need no agent, no sidecar and no permission, and are as
 * true as the router is alive: one that hangs tells nothing.
 */
import { Duration } from "aws-cdk-lib";
import type * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

export const METRIC_NAMESPACE = "Holdfast";
/** Also in the router's settings. */
export const FIGURES_EVERY = Duration.minutes(1);

/** Names as they stand in the line (`src/router/metrics/figures-log.ts`). */
export const FIGURES = [
  "node_load",
  "cluster_nodes",
  "shards",
  "shards_owned",
  "shards_refused",
  "heartbeat_age_seconds",
  "shard_moves",
  "forwarded_commands",
  "dead_letters",
] as const;
export type Figure = (typeof FIGURES)[number];

export class Figures extends Construct {
  readonly #filters = new Map<Figure, logs.MetricFilter>();

  constructor(scope: Construct, id: string, clusterName: string, logGroup: logs.ILogGroup) {
    super(scope, id);
    for (const figure of FIGURES) {
      const field = `$.figures.${figure}`;
      const filter = new logs.MetricFilter(this, figure, {
        logGroup,
        filterPattern: logs.FilterPattern.exists(field),
        metricNamespace: METRIC_NAMESPACE,
        metricName: `${clusterName}-${figure.replaceAll("_", "-")}`,
        metricValue: field,
      });
      this.#filters.set(figure, filter);
    }
  }

  /** Over all routers and the whole period. */
  metric(figure: Figure, statistic: "Average" | "Minimum" | "Maximum" | "Sum", period: Duration): cloudwatch.Metric {
    const filter = this.#filters.get(figure);
    if (filter === undefined) throw new Error(`there is no figure '${figure}'`);
    return filter.metric({ statistic, period });
  }
}
