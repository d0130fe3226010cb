/** Where the services are that `npm run test:aws` runs against, by the variables that the SDK itself reads. */
export type AwsService = "s3" | "dynamodb" | "lambda";

/** Null: nobody has named one, and one is to be started. */
export function namedEndpoint(service: AwsService): string | null {
  return process.env[variableOf(service)] ?? process.env["AWS_ENDPOINT_URL"] ?? null;
}

export function endpointOf(service: AwsService): string {
  const endpoint = namedEndpoint(service);
  if (endpoint === null) throw new Error(`run this by 'npm run test:aws', or set ${variableOf(service)}`);
  return endpoint;
}

export function variableOf(service: AwsService): string {
  return `AWS_ENDPOINT_URL_${service.toUpperCase()}`;
}
