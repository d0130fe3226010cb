import type * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";

/** When an alarm goes off, and what it means to whoever is woken up. What to do then is in docs/operations.md, by its name. */
export interface Condition {
  readonly metric: cloudwatch.IMetric;
  readonly threshold: number;
  readonly periods: number;
  readonly isBelow?: boolean;
  /** No data is as bad as bad data. */
  readonly isBadWithoutData?: boolean;
  readonly meaning: string;
}
