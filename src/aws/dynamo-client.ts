/** Makes a DynamoDB client as the adapters use it. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { type AwsConnections, type AwsSettings, awsClientOptions } from "./client-options.js";
import type { ServerTime } from "./server-time.js";

/** `serverTime` learns from every answer. The caller destroys the client. */
export function openDynamo(settings: AwsSettings, connections: AwsConnections, serverTime: ServerTime | null): DynamoDBClient {
  const client = new DynamoDBClient({
    ...awsClientOptions(settings, connections),
    // It would send a request of its own in front of others, and cache its failures.
    endpointDiscoveryEnabled: false,
    // Putting the client's layers together anew for each request took a tenth of what a request costs.
    cacheMiddleware: true,
  });
  if (serverTime === null) return client;
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const date = dateOf(result.response);
      if (date !== null) serverTime.observe(date);
      return result;
    },
    // Innermost, so that it also sees answers that are errors: they are thrown further out.
    { step: "deserialize", priority: "low", name: "serverTime" },
  );
  return client;
}

function dateOf(response: unknown): string | null {
  if (typeof response !== "object" || response === null || !("headers" in response)) return null;
  const { headers } = response;
  if (typeof headers !== "object" || headers === null || !("date" in headers)) return null;
  return typeof headers.date === "string" ? headers.date : null;
}
