/** CDK constructs that run Holdfast in an AWS account. See docs/deploy-aws.md. */
export type { HoldfastClusterAttributes, IHoldfastCluster } from "./cluster-reference.js";
export { EntityFunction, type EntityFunctionProps, type InvocationLimits } from "./entity-function.js";
export { HoldfastCluster, type HoldfastClusterProps } from "./holdfast-cluster.js";
export type { IngressAuth, IngressKey } from "./ingress-auth.js";
export type { RouterSettings } from "./router-settings.js";
export type { ExistingStorage, WarmThroughput } from "./storage.js";
