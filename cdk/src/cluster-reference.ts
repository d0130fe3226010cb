/** What functions and clients need to know of a cluster, whether it is in the same stack or was deployed by another one. */
import type * as ec2 from "aws-cdk-lib/aws-ec2";
import type * as iam from "aws-cdk-lib/aws-iam";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import type { IConstruct } from "constructs";

export interface IHoldfastCluster extends IConstruct, ec2.IConnectable, iam.IGrantable {
  readonly clusterName: string;
  /** Where commands go: the load balancer. */
  readonly url: string;
  /** The routers' role: what they may do, and whom they may invoke. */
  readonly taskRole: iam.IRole;
  /** The function behind `Custom::HoldfastFunction`. */
  readonly registrarArn: string;
  readonly registrarRole: iam.IRole;
  /** The key of principal `client`, with `auth` of kind `generated-key` only. */
  readonly clientKey: ISecret | null;
}

/** All of a cluster's outputs have these names. */
export interface HoldfastClusterAttributes {
  readonly clusterName: string;
  readonly url: string;
  readonly taskRoleArn: string;
  readonly registrarArn: string;
  readonly registrarRoleArn: string;
  /** Of the load balancer; without it `connections` allows nothing. */
  readonly securityGroupId?: string;
  /** Default: 80. */
  readonly port?: number;
  readonly clientKeyArn?: string;
}
