/** Access logs of a load balancer, in any region, also in stacks that do not know theirs yet. */
import { Stack } from "aws-cdk-lib";
import type { ApplicationLoadBalancer } from "aws-cdk-lib/aws-elasticloadbalancingv2";
import * as iam from "aws-cdk-lib/aws-iam";
import type { IBucket } from "aws-cdk-lib/aws-s3";

const PREFIX = "load-balancer";

/**
 * CDK's own `logAccessLogs` needs a known region, because older regions once had an account each for it. Elastic Load
 * Balancing documents this service principal for all regions (User Guide, "Enable access logs for your Application Load
 * Balancer").
 */
export function logLoadBalancer(loadBalancer: ApplicationLoadBalancer, bucket: IBucket): void {
  const added = bucket.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: [new iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
      actions: ["s3:PutObject"],
      resources: [bucket.arnForObjects(`${PREFIX}/AWSLogs/${Stack.of(loadBalancer).account}/*`)],
    }),
  );
  loadBalancer.setAttribute("access_logs.s3.enabled", "true");
  loadBalancer.setAttribute("access_logs.s3.bucket", bucket.bucketName);
  loadBalancer.setAttribute("access_logs.s3.prefix", PREFIX);
  // The balancer tries to write as soon as it is there.
  if (added.policyDependable !== undefined) loadBalancer.node.addDependency(added.policyDependable);
}
