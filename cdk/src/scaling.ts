/** How many routers run: enough for each to have some room left. */
import { Duration } from "aws-cdk-lib";
import type * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import type * as ecs from "aws-cdk-lib/aws-ecs";

/** With three routers, the two that are left when one dies are at nine tenths. */
const LOAD_TARGET = 0.6;
/** A new router has its share of the shards half a minute after it is ready. */
const OUT_COOLDOWN = Duration.minutes(2);
/** Each router that goes moves its shards: rarely, and never because of one quiet minute. */
const IN_COOLDOWN = Duration.minutes(10);

export interface ScalingProps {
  readonly routersMin: number;
  readonly routersMax: number;
  /** What routers say of themselves: 0 to 1, the larger of event loop and memory. */
  readonly load: cloudwatch.IMetric;
}

/**
 * Two targets; ECS takes the larger answer of the two, and stops a router only if both agree. `load` knows what a router refuses
 * commands for: its event loop and `memory.total`. The processor's is AWS's own metric, and still there when no line is written.
 */
export function scaleRouters(service: ecs.FargateService, props: ScalingProps): ecs.ScalableTaskCount {
  const scaling = service.autoScaleTaskCount({ minCapacity: props.routersMin, maxCapacity: props.routersMax });
  const cooldowns = { scaleOutCooldown: OUT_COOLDOWN, scaleInCooldown: IN_COOLDOWN };
  scaling.scaleToTrackCustomMetric("Load", { metric: props.load, targetValue: LOAD_TARGET, ...cooldowns });
  scaling.scaleOnCpuUtilization("Processor", { targetUtilizationPercent: LOAD_TARGET * 100, ...cooldowns });
  return scaling;
}
