import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { after, describe, test } from "node:test";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type AwsConnections, type AwsSettings, awsClientOptions } from "./client-options.js";
import { type AwsFailure, awsFailure } from "./failure.js";

const servers: { server: Server; sockets: Set<Socket> }[] = [];
after(() => {
  for (const { server, sockets } of servers) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };
const CONNECTIONS: AwsConnections = { socketsMax: 4, connectTimeoutMs: 1000, answerTimeoutMs: 1000, silenceTimeoutMs: 1000 };
const REQUEST = { action: "dynamodb:PutItem", resource: { what: "table", name: "log" } } as const;

async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
  });
  servers.push({ server, sockets });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return `http://127.0.0.1:${address.port}`;
}

const http = (listener: RequestListener) => listening(createServer(listener));

/** The failure of one PutItem against a server that answers as told. */
async function putAgainst(endpoint: string, more: Partial<AwsSettings & AwsConnections> = {}): Promise<AwsFailure> {
  const settings = { region: "eu-west-1", endpoint, credentials: CREDENTIALS, ...more };
  const client = new DynamoDBClient(awsClientOptions(settings, { ...CONNECTIONS, ...more }));
  try {
    await client.send(new PutItemCommand({ TableName: "log", Item: { k: { S: "k" } } }));
  } catch (error) {
    return awsFailure(error, REQUEST);
  } finally {
    client.destroy();
  }
  return assert.fail("the request succeeded");
}

function dynamoError(status: number, type: string, message: string, headers: Record<string, string> = {}): Promise<string> {
  return http((request, response) => {
    request.resume();
    response.writeHead(status, { "content-type": "application/x-amz-json-1.0", ...headers });
    response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message }));
  });
}

describe("an answer of the service is classified by its name and status", () => {
  const cases: readonly (readonly [number, string, string, AwsFailure["kind"], AwsFailure["code"]])[] = [
    [400, "ThrottlingException", "slow down", "throttled", "aws_throttled"],
    [400, "ProvisionedThroughputExceededException", "too fast", "throttled", "aws_throttled"],
    [400, "RequestLimitExceeded", "too fast", "throttled", "aws_throttled"],
    [400, "AccessDeniedException", "User: arn:x is not authorized", "denied", "aws_denied"],
    [400, "ResourceNotFoundException", "Requested resource not found", "missing", "aws_table_missing"],
    [400, "ExpiredTokenException", "The security token is expired", "credentials", "aws_credentials_expired"],
    [400, "UnrecognizedClientException", "invalid token", "credentials", "aws_credentials_refused"],
    [400, "InvalidSignatureException", "does not match", "credentials", "aws_credentials_refused"],
    [400, "InvalidSignatureException", "Signature expired: 1 is now earlier than 2", "credentials", "aws_clock_off"],
    [400, "ValidationException", "Missing the key pk in the item", "invalid", "aws_request_invalid"],
    [413, "RequestEntityTooLarge", "", "invalid", "aws_request_invalid"],
    [500, "InternalServerError", "The request could not be processed", "ambiguous", "aws_no_answer"],
    [503, "ServiceUnavailable", "", "ambiguous", "aws_no_answer"],
    [408, "RequestTimeout", "", "ambiguous", "aws_no_answer"],
  ];
  for (const [status, type, message, kind, code] of cases) {
    test(`${status} ${type}${message === "" ? "" : ` (${message})`} is ${kind}`, async () => {
      const failure = await putAgainst(await dynamoError(status, type, message));
      assert.deepEqual([failure.kind, failure.code], [kind, code], failure.message);
      assert.match(failure.message, /^dynamodb:PutItem on log failed \(.*\.$/);
    });
  }

  test("the denied action is the one that the service names, or the one that was asked for", async () => {
    const named = "User: arn:aws:iam::1:role/r is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:x";
    const failure = await putAgainst(await dynamoError(400, "AccessDeniedException", named));
    assert.equal(failure.kind === "denied" && failure.action, "kms:Decrypt");
    const other = await putAgainst(await dynamoError(403, "AccessDeniedException", "no"));
    assert.equal(other.kind === "denied" && other.action, "dynamodb:PutItem");
  });

  test("a wish to wait is taken over", async () => {
    const failure = await putAgainst(await dynamoError(400, "ThrottlingException", "", { "retry-after": "3" }));
    assert.equal(failure.kind === "throttled" && failure.retryAfterMs, 3000);
  });

  test("S3 speaks XML: no such bucket, slow down, wrong region, another conditional request under way", async () => {
    const answers = {
      NoSuchBucket: [404, "aws_bucket_missing"],
      NoSuchKey: [404, "aws_object_missing"],
      SlowDown: [503, "aws_throttled"],
      PermanentRedirect: [301, "aws_region_wrong"],
      AuthorizationHeaderMalformed: [400, "aws_region_wrong"],
      RequestTimeTooSkewed: [403, "aws_clock_off"],
      InvalidAccessKeyId: [403, "aws_credentials_refused"],
      AccessDenied: [403, "aws_denied"],
      ConditionalRequestConflict: [409, "aws_throttled"],
      InternalError: [500, "aws_no_answer"],
    } as const;
    for (const [code, [status, expected]] of Object.entries(answers)) {
      const endpoint = await http((_, response) => {
        response.writeHead(status, { "content-type": "application/xml" });
        response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`);
      });
      const options = awsClientOptions({ region: "eu-west-1", endpoint, credentials: CREDENTIALS }, CONNECTIONS);
      const client = new S3Client({ ...options, forcePathStyle: true });
      const resource = { what: "bucket", name: "b" } as const;
      await assert.rejects(client.send(new GetObjectCommand({ Bucket: "b", Key: "k" })), (error) => {
        assert.equal(awsFailure(error, { action: "s3:GetObject", resource }).code, expected);
        return true;
      });
      client.destroy();
    }
  });
});

describe("without an answer, only what was surely not sent is said not to have happened", () => {
  test("a refused connection and a name that does not resolve were not sent", async () => {
    const unused = await listening(createTcpServer());
    const [last] = servers.slice(-1);
    last?.server.close();
    assert.equal((await putAgainst(unused)).kind, "notSent");
    assert.equal((await putAgainst("http://holdfast.invalid:1")).kind, "notSent");
  });

  test("a server with a certificate that nobody trusts gets nothing", () => {
    const error = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    assert.equal(awsFailure(error, REQUEST).kind, "notSent");
  });

  test("a connection that is cut behind the request may have done it", async () => {
    const endpoint = await http((request) => void request.on("end", () => request.socket.destroy()).resume());
    assert.equal((await putAgainst(endpoint)).kind, "ambiguous");
  });

  test("an answer that is cut off, or is no answer of the service, may have done it", async () => {
    const cut = await http((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("{", () => response.destroy());
    });
    assert.equal((await putAgainst(cut)).kind, "ambiguous");
    const page = await http((_, response) => void response.writeHead(200).end("<html>"));
    assert.equal((await putAgainst(page)).kind, "ambiguous");
    const gateway = await http((_, response) => void response.writeHead(502).end("<html>bad gateway</html>"));
    assert.equal((await putAgainst(gateway)).kind, "ambiguous");
  });

  test("an answer that does not come in time, or stops in the middle, may have done it", async () => {
    const silent = await http((request) => void request.resume());
    assert.equal((await putAgainst(silent, { answerTimeoutMs: 30 })).kind, "ambiguous");
    const half = await http((_, response) => void response.writeHead(200, { "content-length": "100" }).write("{"));
    assert.equal((await putAgainst(half, { silenceTimeoutMs: 30 })).kind, "ambiguous");
  });

  test("a request that got no socket in time was not sent", async () => {
    let requests = 0;
    const endpoint = await http((request) => {
      requests++;
      request.resume();
    });
    const sizes = { socketsMax: 1, connectTimeoutMs: 30 };
    const settings = { region: "eu-west-1", endpoint, credentials: CREDENTIALS };
    const client = new DynamoDBClient(awsClientOptions(settings, { ...CONNECTIONS, ...sizes }));
    const put = async () => {
      try {
        await client.send(new PutItemCommand({ TableName: "log", Item: { k: { S: "k" } } }));
        return "done";
      } catch (error) {
        return awsFailure(error, REQUEST).kind;
      }
    };
    const kinds = await Promise.all([put(), put()]);
    client.destroy();
    assert.deepEqual(kinds, ["ambiguous", "notSent"]);
    assert.equal(requests, 1);
  });

  test("no credentials and no region end before anything is sent", async () => {
    let requests = 0;
    const endpoint = await http((_, response) => {
      requests++;
      response.end("{}");
    });
    const refusing = async () => {
      throw Object.assign(new Error("Could not load credentials from any providers"), { name: "CredentialsProviderError" });
    };
    const settings = { region: "eu-west-1", endpoint, credentials: null };
    const client = new DynamoDBClient({ ...awsClientOptions(settings, CONNECTIONS), credentials: refusing });
    await assert.rejects(client.send(new PutItemCommand({ TableName: "log", Item: {} })), (error) => {
      assert.equal(awsFailure(error, REQUEST).code, "aws_credentials_missing");
      return true;
    });
    client.destroy();
    const regionless = awsFailure(new Error("Region is missing"), REQUEST);
    assert.equal(regionless.code, "aws_region_wrong");
    assert.equal(requests, 0);
  });

  test("whatever else is thrown is taken for ambiguous", () => {
    for (const thrown of [undefined, null, 7, "text", {}, new TypeError("x"), { errors: [{ code: "ECONNREFUSED" }, {}] }]) {
      assert.equal(awsFailure(thrown, REQUEST).kind, "ambiguous");
    }
    const refusedTwice = {
      code: "ECONNREFUSED",
      errors: [{ code: "ECONNREFUSED" }, { code: "EHOSTUNREACH", syscall: "connect" }],
    };
    assert.equal(awsFailure(refusedTwice, REQUEST).kind, "notSent");
    assert.equal(awsFailure({ code: "EHOSTUNREACH", syscall: "read" }, REQUEST).kind, "ambiguous");
  });
});

test("a client tries once, whatever goes wrong", async () => {
  let requests = 0;
  const endpoint = await http((request, response) => {
    requests++;
    request.resume();
    response.writeHead(500).end();
  });
  await putAgainst(endpoint);
  assert.equal(requests, 1);
});
