/** The shopping cart in an account. */
import { Duration, Stack, type StackProps, Validations } from "aws-cdk-lib";
import { Architecture, Runtime } from "aws-cdk-lib/aws-lambda";
import { NodejsFunction } from "aws-cdk-lib/aws-lambda-nodejs";
import type { Construct } from "constructs";
import { EntityFunction, HoldfastCluster } from "../src/index.js";
import { repository } from "./repository.js";

export class ShopStack extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);
    const cluster = new HoldfastCluster(this, "Holdfast", { clusterName: "shop" });
    const handler = new NodejsFunction(this, "Shop", {
      entry: repository("examples/shopping-cart/lambda.ts"),
      depsLockFilePath: repository("package-lock.json"),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: 512,
      timeout: Duration.seconds(15),
    });
    const logPolicy = "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]";
    Validations.of(handler).acknowledge({ id: logPolicy, reason: "it lets the function write its own log, and nothing else" });
    new EntityFunction(this, "Entities", { cluster, handler });
  }
}
