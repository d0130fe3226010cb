/** What somebody should be woken up for, or look at in the morning. Each alarm says what it means. */
import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { HttpCodeElb, HttpCodeTarget } from "aws-cdk-lib/aws-elasticloadbalancingv2";
import * as logs from "aws-cdk-lib/aws-logs";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import type { Condition } from "./alarm-condition.js";
import { clusterConditions } from "./cluster-conditions.js";
import { type Figures, METRIC_NAMESPACE } from "./figures.js";
import type { RouterService } from "./router-service.js";
import type { Storage } from "./storage.js";

/** pino's number of `error`. */
const ERROR_LEVEL = 50;
const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);

export interface AlarmsProps {
  readonly clusterName: string;
  readonly routers: number;
  readonly routersMax: number;
  readonly shards: number;
  readonly figures: Figures;
  readonly service: RouterService;
  readonly storage: Storage;
  readonly topic: ITopic | null;
}

export class Alarms extends Construct {
  readonly all: readonly cloudwatch.Alarm[];
  /** Lines of level error or above in the routers' log. */
  readonly errorLines: cloudwatch.Metric;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const filter = new logs.MetricFilter(this, "ErrorLines", {
      logGroup: props.service.logGroup,
      filterPattern: logs.FilterPattern.numberValue("$.level", ">=", ERROR_LEVEL),
      metricNamespace: METRIC_NAMESPACE,
      metricName: `${props.clusterName}-error-lines`,
      metricValue: "1",
      defaultValue: 0,
    });
    this.errorLines = filter.metric({ period: FIVE_MINUTES, statistic: "Sum" });
    const { figures, shards, routers: routersMin, routersMax } = props;
    const conditions = {
      ...serviceConditions(props),
      ...clusterConditions({ service: props.service.service, figures, shards, routersMin, routersMax }),
      ...storageConditions(props.storage),
      ErrorLine: this.#errorLine(),
    };
    this.all = Object.entries(conditions).map(([name, condition]) => this.#alarm(name, condition, props));
  }

  #errorLine(): Condition {
    const meaning = "A router logged an error: a shard that cannot be read, an end it did not choose. The line says which.";
    return { metric: this.errorLines, threshold: 1, periods: 1, meaning };
  }

  #alarm(name: string, condition: Condition, { clusterName, topic }: AlarmsProps): cloudwatch.Alarm {
    const { metric, threshold, periods, isBelow, isBadWithoutData, meaning } = condition;
    const alarm = new cloudwatch.Alarm(this, name, {
      alarmDescription: `Holdfast ${clusterName}: ${meaning}`,
      metric,
      threshold,
      evaluationPeriods: periods,
      comparisonOperator: isBelow
        ? cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
        : cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: isBadWithoutData ? cloudwatch.TreatMissingData.BREACHING : cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    if (topic !== null) {
      alarm.addAlarmAction(new SnsAction(topic));
      alarm.addOkAction(new SnsAction(topic));
    }
    return alarm;
  }
}

function serviceConditions({ service, routers }: AlarmsProps): Readonly<Record<string, Condition>> {
  const { targets, loadBalancer } = service;
  return {
    NoRouter: {
      metric: targets.metrics.healthyHostCount({ period: MINUTE, statistic: "Minimum" }),
      threshold: 1,
      periods: 3,
      isBelow: true,
      isBadWithoutData: true,
      meaning: "No router is ready, for three minutes: nothing is taken or done. See the service's events and the log.",
    },
    RouterMissing: {
      metric: targets.metrics.healthyHostCount({ period: FIVE_MINUTES, statistic: "Maximum" }),
      threshold: routers,
      periods: 3,
      isBelow: true,
      isBadWithoutData: true,
      meaning: "Fewer routers are ready than the least that should run, for a quarter of an hour.",
    },
    Unavailable: {
      metric: targets.metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT, { period: FIVE_MINUTES, statistic: "Sum" }),
      threshold: 50,
      periods: 2,
      meaning:
        "Routers answer 5xx: functions that are down or too slow, storage that does not take writes, or forwarding that fails.",
    },
    Unreachable: {
      metric: loadBalancer.metrics.httpCodeElb(HttpCodeElb.ELB_5XX_COUNT, { period: FIVE_MINUTES, statistic: "Sum" }),
      threshold: 20,
      periods: 2,
      meaning: "The load balancer itself answers 5xx: it has no router, or calls take longer than its idle timeout.",
    },
    Processor: {
      metric: service.service.metricCpuUtilization({ period: FIVE_MINUTES, statistic: "Average" }),
      threshold: 85,
      periods: 3,
      meaning: "Routers are short of processor for a quarter of an hour: answers become slow.",
    },
    Memory: {
      metric: service.service.metricMemoryUtilization({ period: FIVE_MINUTES, statistic: "Maximum" }),
      threshold: 90,
      periods: 3,
      meaning: "A router nears the memory of its task, and will be killed for it: give the tasks more, or the caches less.",
    },
  };
}

function storageConditions({ logTable, directoryTable }: Storage): Readonly<Record<string, Condition>> {
  const ofTable = (tableName: string, metricName: string, period: Duration) =>
    new cloudwatch.Metric({
      namespace: "AWS/DynamoDB",
      metricName,
      dimensionsMap: { TableName: tableName },
      period,
      statistic: "Sum",
    });
  return {
    LogThrottled: {
      metric: ofTable(logTable.tableName, "WriteThrottleEvents", FIVE_MINUTES),
      threshold: 100,
      periods: 3,
      meaning: "DynamoDB throttles the log: raise its warm throughput, or wait until it has split its partitions.",
    },
    // A log's records live for a while only; a cluster without routers for longer than that loses what was not flushed.
    NoHeartbeat: {
      metric: ofTable(directoryTable.tableName, "ConsumedWriteCapacityUnits", Duration.days(1)),
      threshold: 1,
      periods: 1,
      isBelow: true,
      isBadWithoutData: true,
      meaning: "No router has written a heartbeat for a day. Start one before the log's records expire (recordTtl).",
    },
  };
}
