/**
 * Registers functions with a running cluster while a stack is deployed: a Lambda function in the cluster's network that speaks
 * to the admin API for custom resources. What it does is in `registrar-function/`.
 */
import { fileURLToPath } from "node:url";
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";
import { accept } from "./accepted-finding.js";

export interface RegistrarProps {
  readonly vpc: ec2.IVpc;
  readonly adminUrl: string;
  readonly adminKey: ISecret;
  readonly logRetention: logs.RetentionDays;
}

/** How long one registration may take: discovery is retried so long, and the deployment fails after that. */
export const REGISTRATION_TIMEOUT = Duration.minutes(10);

export class Registrar extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: RegistrarProps) {
    super(scope, id);
    const logGroup = new logs.LogGroup(this, "Log", { retention: props.logRetention, removalPolicy: RemovalPolicy.DESTROY });
    this.role = new iam.Role(this, "Role", { assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com") });
    const written = logGroup.grantWrite(this.role);
    this.role.addToPolicy(
      new iam.PolicyStatement({
        sid: "NetworkInterfacesOfLambda",
        actions: [
          "ec2:CreateNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:DeleteNetworkInterface",
          "ec2:AssignPrivateIpAddresses",
          "ec2:UnassignPrivateIpAddresses",
        ],
        resources: ["*"],
      }),
    );
    accept(
      this.role,
      "AwsSolutions-IAM5[Resource::*]",
      "Lambda attaches functions to a VPC only where their role may manage network interfaces that have no names yet",
    );
    this.function = new lambda.Function(this, "Function", {
      description: "Registers functions with the routers of a Holdfast cluster",
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      handler: "registrar.handler",
      code: lambda.Code.fromAsset(fileURLToPath(new URL("./registrar-function", import.meta.url)), {
        exclude: ["*.map", "*.d.ts", "*.test.js"],
      }),
      memorySize: 256,
      timeout: Duration.seconds(REGISTRATION_TIMEOUT.toSeconds() + 60),
      role: this.role,
      logGroup,
      vpc: props.vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      environment: {
        ADMIN_URL: props.adminUrl,
        ADMIN_KEY_SECRET: props.adminKey.secretArn,
        REGISTRATION_SECONDS: String(REGISTRATION_TIMEOUT.toSeconds()),
      },
    });
    const read = props.adminKey.grantRead(this.role);
    // At its first request everything is allowed.
    this.function.node.addDependency(...[written, read]);
  }
}
