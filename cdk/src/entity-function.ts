/** A Lambda function that serves entity types of a cluster: its versions are registered as they are deployed. */
import { CustomResource, Duration, RemovalPolicy } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import { accept } from "./accepted-finding.js";
import type { IHoldfastCluster } from "./cluster-reference.js";

export interface EntityFunctionProps {
  readonly cluster: IHoldfastCluster;
  /** Its timeout should be that of an invocation (10 s), or a little more. It needs no network and no permissions for Holdfast. */
  readonly handler: lambda.Function;
  /**
   * How many published versions stay, the serving one among them. Default: 5. Rollbacks reach so far; the others are deleted
   * as soon as the routers say that nothing needs them. Lambda keeps 75 GB of versions in a region.
   */
  readonly versionsKept?: number;
  /**
   * Registers although what is stored may need what this version lacks. Default: false, the deployment fails then and is
   * rolled back; entities of a type that nobody serves any more wait for ever.
   */
  readonly force?: boolean;
  /** Default: the router's. They hold for all versions from the deployment on; leaving them out later keeps the last ones. */
  readonly limits?: InvocationLimits;
}

/** How hard the routers drive the function (docs/settings.md). Defaults are the router's. */
export interface InvocationLimits {
  /** Invocations at the same time. Default: 32. Keep it below the function's reserved concurrency, else Lambda throttles. */
  readonly inFlightMax?: number;
  /** Entities of one invocation. Default: 64. */
  readonly entitiesMax?: number;
  /** Commands of one invocation. Default: 256. */
  readonly commandsMax?: number;
  /** `latency` sends at once; `cost` waits a little for company, so that invocations are fewer. Default: `latency`. */
  readonly prefer?: "latency" | "cost";
  /** How long one invocation may take. Default: 10 seconds. Below the function's own timeout. */
  readonly timeout?: Duration;
}

/** CloudFormation gives up so long after the registrar should have answered. */
const SERVICE_TIMEOUT = Duration.minutes(15);

/**
 * Publishes a version whenever code or configuration changes, lets the routers invoke it, registers it, and waits until a
 * router has discovered what it serves: when the deployment is done, the new version serves. If it cannot be registered, the
 * deployment fails and CloudFormation registers the version before it again.
 */
export class EntityFunction extends Construct {
  readonly version: lambda.Version;
  /** The id of the deployment at the routers (`holdfast deployments list`). */
  readonly deploymentId: string;

  constructor(scope: Construct, id: string, props: EntityFunctionProps) {
    super(scope, id);
    const { cluster, handler, versionsKept = 5, force = false } = props;
    if (!Number.isSafeInteger(versionsKept) || versionsKept < 1)
      throw new Error(`versionsKept: a whole number from 1 is expected, not ${versionsKept}`);
    this.version = handler.currentVersion;
    // CloudFormation would delete the version before this one as soon as it is replaced: while commands run on it.
    this.version.applyRemovalPolicy(RemovalPolicy.RETAIN);
    const invoke = this.#grant("Invoke", cluster.taskRole, handler, {
      actions: ["lambda:InvokeFunction", "lambda:GetFunctionConfiguration"],
      reason: "every version that still serves, or is rolled back to; never $LATEST's own name without a version",
    });
    const remove = this.#grant("RemoveVersions", cluster.registrarRole, handler, {
      actions: ["lambda:DeleteFunction"],
      reason: "versions that nothing needs any more; the function itself is not within the wildcard",
    });
    const registration = new CustomResource(this, "Registration", {
      resourceType: "Custom::HoldfastFunction",
      serviceToken: cluster.registrarArn,
      serviceTimeout: SERVICE_TIMEOUT,
      properties: {
        FunctionArn: handler.functionArn,
        VersionArn: this.version.functionArn,
        VersionsKept: String(versionsKept),
        Force: String(force),
        Options: JSON.stringify(optionsOf(props.limits ?? {})),
      },
    });
    registration.node.addDependency(cluster, invoke, remove);
    this.deploymentId = registration.getAttString("DeploymentId");
  }

  /** A policy of this stack, so that the cluster's stack does not come to depend on its functions. */
  #grant(
    id: string,
    role: iam.IRole,
    handler: lambda.Function,
    { actions, reason }: { readonly actions: string[]; readonly reason: string },
  ): iam.Policy {
    const statement = new iam.PolicyStatement({ actions, resources: [`${handler.functionArn}:*`] });
    const policy = new iam.Policy(this, id, { roles: [role], statements: [statement] });
    accept(
      policy,
      `AwsSolutions-IAM5[Resource::<${handler.stack.getLogicalId(handler.node.defaultChild as lambda.CfnFunction)}.Arn>:*]`,
      reason,
    );
    return policy;
  }
}

/** As the admin API takes them beside `url`. */
function optionsOf({ inFlightMax, entitiesMax, commandsMax, prefer, timeout }: InvocationLimits): object {
  const batch = { ...(entitiesMax !== undefined && { entitiesMax }), ...(commandsMax !== undefined && { commandsMax }) };
  return {
    ...(inFlightMax !== undefined && { inFlightMax }),
    ...(Object.keys(batch).length > 0 && { batch }),
    ...(prefer !== undefined && { prefer }),
    ...(timeout !== undefined && { timeout: `${timeout.toMilliseconds()}ms` }),
  };
}
