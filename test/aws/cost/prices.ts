/**
 * List prices in US dollars, on demand, without free tiers, discounts, storage and transfer: the one place that has them.
 * DynamoDB's are those since November 2024 (standard table class). Look them up before you rely on a result: they change.
 */
export interface Prices {
  readonly region: string;
  readonly asOf: string;
  readonly perMillionWriteUnits: number;
  readonly perMillionReadUnits: number;
  /** Of PUT, COPY, POST and LIST; deletions are free. */
  readonly perMillionS3Puts: number;
  readonly perMillionS3Gets: number;
  readonly perMillionInvocations: number;
  /** Of a Lambda on Arm. */
  readonly perLambdaGbSecond: number;
}

export const PRICES: Prices = {
  region: "us-east-1",
  asOf: "list prices since November 2024, looked up in sources of July 2025",
  perMillionWriteUnits: 0.625,
  perMillionReadUnits: 0.125,
  perMillionS3Puts: 5,
  perMillionS3Gets: 0.4,
  perMillionInvocations: 0.2,
  perLambdaGbSecond: 0.0000133334,
};
