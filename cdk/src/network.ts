/** The network of a cluster that was given none. */
import * as ec2 from "aws-cdk-lib/aws-ec2";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

/**
 * Two zones, routers in private subnets, a NAT gateway in each zone (about $33 a month each, so that a zone that fails takes only
 * its own traffic along), and gateway endpoints, free of charge, so that what goes to DynamoDB and S3 does not pay for the NAT.
 */
export function makeVpc(scope: Construct, id: string, accessLogs: IBucket): ec2.Vpc {
  const vpc = new ec2.Vpc(scope, id, {
    maxAzs: 2,
    natGateways: 2,
    restrictDefaultSecurityGroup: false,
    subnetConfiguration: [
      { name: "public", subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
      { name: "private", subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
    ],
    gatewayEndpoints: {
      dynamodb: { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB },
      s3: { service: ec2.GatewayVpcEndpointAwsService.S3 },
    },
  });
  // What was refused is worth looking at; what was let in would cost more than it tells.
  vpc.addFlowLog("Refused", {
    trafficType: ec2.FlowLogTrafficType.REJECT,
    destination: ec2.FlowLogDestination.toS3(accessLogs, "vpc/"),
  });
  return vpc;
}
