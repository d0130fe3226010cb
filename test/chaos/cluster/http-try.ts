/** One HTTP request and what came of it. It is never repeated here. */
import { Agent, request } from "node:http";

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** After this its connection is closed, whatever has become of it. */
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** Of a problem document; null otherwise. */
  readonly code: string | null;
  readonly isByFunction: boolean;
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** Rejects when no whole answer came. */
export function tryHttp(url: string, asked: HttpRequest): Promise<HttpAnswer> {
  const { method, path, body = "", timeoutMs } = asked;
  const { hostname, port } = new URL(url);
  const headers = { ...asked.headers, ...(body !== "" && { "content-type": "application/json" }) };
  return new Promise((resolve, reject) => {
    const sent = request({ method, hostname, port, path, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        clearTimeout(timer);
        const text = Buffer.concat(chunks).toString();
        const { statusCode: status = 0 } = response;
        const isProblem = response.headers["content-type"]?.startsWith("application/problem+json") === true;
        const code = isProblem ? (JSON.parse(text) as { readonly code: string }).code : null;
        resolve({ status, text, code, isByFunction: response.headers["holdfast-error-source"] === "function" });
      });
    });
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    sent.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    sent.end(body);
  });
}
