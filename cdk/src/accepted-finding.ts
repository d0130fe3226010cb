/** Findings of AWS's rules that are accepted, each at the construct it is about and with its reason. */
import { Validations } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

/** `finding` as cdk-nag prints it, such as `AwsSolutions-S1` or `AwsSolutions-IAM5[Resource::*]`. */
export function accept(of: IConstruct, finding: string, reason: string): void {
  Validations.of(of).acknowledge({ id: finding, reason });
}
