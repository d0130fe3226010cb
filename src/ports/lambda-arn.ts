/**
 * The address of a Lambda function. A version is immutable and so is what is registered; an alias is resolved when it is
 * registered; `$LATEST` moves with every deploy.
 *
 * Format: AWS Lambda developer guide, "Lambda function versions" and "aliases".
 */
export interface LambdaArn {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly functionName: string;
  readonly qualifier: LambdaQualifier;
}

export type LambdaQualifier =
  | { readonly kind: "version"; readonly version: string }
  | { readonly kind: "alias"; readonly alias: string }
  | { readonly kind: "latest" };

const ARN = /^arn:(aws[a-z-]*):lambda:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):function:([A-Za-z0-9_-]{1,140})(?::(.+))?$/;
const VERSION = /^[1-9]\d{0,15}$/;
const ALIAS = /^(?!\d+$)[A-Za-z0-9_-]{1,128}$/;
const LATEST = "$LATEST";

/** What an ARN looks like, for messages. */
export const LAMBDA_ARN_FORM = "arn:aws:lambda:REGION:ACCOUNT:function:NAME:VERSION, or an alias in place of the version";

/** Null: it is no ARN of a Lambda function. Without a qualifier it means `$LATEST`, as everywhere in Lambda. */
export function parseLambdaArn(text: string): LambdaArn | null {
  const match = ARN.exec(text);
  if (match === null) return null;
  const [, partition = "", region = "", account = "", functionName = "", qualifierText = LATEST] = match;
  const qualifier = parseQualifier(qualifierText);
  return qualifier === null ? null : { partition, region, account, functionName, qualifier };
}

function parseQualifier(text: string): LambdaQualifier | null {
  if (text === LATEST) return { kind: "latest" };
  if (VERSION.test(text)) return { kind: "version", version: text };
  return ALIAS.test(text) ? { kind: "alias", alias: text } : null;
}

/** The same text for the same address: `$LATEST` is always written out. */
export function formatLambdaArn(arn: LambdaArn): string {
  return `${lambdaFunctionArn(arn)}:${qualifierOf(arn)}`;
}

/** Without the qualifier: the same for all versions of a function. */
export function lambdaFunctionArn({ partition, region, account, functionName }: LambdaArn): string {
  return `arn:${partition}:lambda:${region}:${account}:function:${functionName}`;
}

export function qualifierOf({ qualifier }: LambdaArn): string {
  switch (qualifier.kind) {
    case "version":
      return qualifier.version;
    case "alias":
      return qualifier.alias;
    case "latest":
      return LATEST;
  }
}
