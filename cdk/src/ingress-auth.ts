/** Who may send commands. */
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";

/**
 * `generated-key`: one key, made at deployment and kept in Secrets Manager (`HoldfastCluster.clientKey`); whoever reads the
 * secret may call everything, as principal `client`. `keys`: secrets of your own, each with a principal and perhaps types
 * (`shop/cart`, `shop/*`); a secret holds nothing but a key of 16 characters or more. `jwt`: tokens of an identity provider whose
 * keys are at an `https:` URL that the tasks can reach. `network`: whoever reaches the load balancer; for clusters behind
 * something that authenticates.
 */
export type IngressAuth =
  | { readonly kind: "generated-key" }
  | { readonly kind: "keys"; readonly keys: readonly IngressKey[] }
  | {
      readonly kind: "jwt";
      readonly jwks: string;
      readonly issuer: string;
      readonly audience: string;
      /** Claim that names the principal. Default: `sub`. */
      readonly principalClaim?: string;
      /** A scope or role that every token must have. Default: any token will do. */
      readonly scope?: string;
    }
  | { readonly kind: "network" };

export interface IngressKey {
  readonly principal: string;
  readonly secret: ISecret;
  /** Default: all types. */
  readonly types?: readonly string[];
}
