/** A place for data, the functions and a router, each a process of its own, and requests to it. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child, ROOT, startEntry } from "./child.js";
import { LambdaFunctions } from "./lambda-functions.js";
import { awsPlace, isOnAws, localPlace, type Place, prepare } from "./place.js";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The code of a problem document; null otherwise. */
  readonly code: string | null;
}

export interface WorldOptions {
  /** Lines of settings that come on top; `functions` are set here. */
  readonly settings?: string;
  /** Further endpoints. */
  readonly endpoints?: readonly string[];
  /** The data folder, if not in the world's own folder. */
  readonly dataPath?: string;
  /** Where the data lies, if not where the environment says. It is prepared here. */
  readonly place?: Place;
  /** The function that counts, where it is to be on Lambda at an address that the place names. It ends with the world. */
  readonly lambda?: LambdaFunctions;
}

/** The connection broke behind the reply's first bytes. */
export class ReplyCutOff extends Error {}

export class World {
  readonly folder: string;
  /** Of a local place. */
  readonly dataPath: string;
  readonly functionsUrl: string;
  /** Null: all functions are called over HTTP. */
  readonly #lambda: LambdaFunctions | null;
  readonly #place: Place;
  readonly #settings: string;
  readonly #endpoints: readonly string[];
  #functions: Child;
  #router: Child | null = null;
  #url = "";

  private constructor(
    folder: string,
    functions: Child,
    functionsUrl: string,
    lambda: LambdaFunctions | null,
    options: WorldOptions,
  ) {
    this.#lambda = lambda;
    this.folder = folder;
    this.dataPath = options.dataPath ?? join(folder, "data");
    this.#place = options.place ?? (isOnAws ? awsPlace() : localPlace(this.dataPath));
    this.#functions = functions;
    this.functionsUrl = functionsUrl;
    this.#settings = options.settings ?? "";
    this.#endpoints = options.endpoints ?? [];
  }

  /** Functions run, no router does. */
  static async make(options: WorldOptions = {}): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-e2e-"));
    const functions = startEntry("function-entry");
    const url = (await functions.said(/functions on (\S+)/))[1] ?? "";
    const isOnLambda = isOnAws && options.place === undefined;
    const lambda = options.lambda ?? (isOnLambda ? await LambdaFunctions.start() : null);
    const world = new World(folder, functions, url, lambda, options);
    if (options.place !== undefined || isOnAws) await prepare(world.#place, folder);
    return world;
  }

  static async started(options: WorldOptions = {}): Promise<World> {
    const world = await World.make(options);
    try {
      await world.start();
    } catch (error) {
      await world.end();
      throw error;
    }
    return world;
  }

  get url(): string {
    return this.#url;
  }

  get router(): Child {
    assert.ok(this.#router);
    return this.#router;
  }

  /** Waits until the router serves, and its functions are known. */
  async start(settings = this.#settings): Promise<void> {
    this.#router = await this.launch(settings);
    this.#url = (await this.#router.said(/ingress +(\S+)/))[1] ?? "";
    if (!this.#functions.hasExited) await this.servesFunctions();
  }

  /** A router process on the data, whatever comes of it. */
  async launch(settings = this.#settings, place = this.#place.lines): Promise<Child> {
    const path = join(this.folder, `settings-${Math.random().toString(36).slice(2)}.yaml`);
    const lines = [
      "listen: { ingress: '127.0.0.1:0', admin: '127.0.0.1:0' }",
      ...place,
      "functions:",
      this.#lambda === null ? `  - { url: '${this.functionsUrl}/good' }` : `  - { lambda: '${this.#lambda.arn}' }`,
      `  - { url: '${this.functionsUrl}/odd', timeout: 300ms, batch: { entitiesMax: 1, commandsMax: 1 } }`,
      ...this.#endpoints.map((url) => `  - { url: '${url}' }`),
      settings,
    ];
    await writeFile(path, lines.join("\n"));
    const environment = this.#lambda === null ? {} : { AWS_ENDPOINT_URL_LAMBDA: this.#lambda.url };
    return new Child(process.execPath, [`${ROOT}dist/src/cli/holdfast.js`, "start", "--config", path], environment);
  }

  /** A router that must not come up: what it says, with exit code 3. `isSilent`: it has never said that it serves. */
  async refusedStart(settings = this.#settings, isSilent = true): Promise<string> {
    const child = await this.launch(settings);
    const { code } = await child.exited;
    assert.equal(code, 3, child.errors);
    if (isSilent) assert.doesNotMatch(child.output, /ingress/);
    return child.errors;
  }

  servesFunctions(): Promise<void> {
    return until(async () => {
      const [counter, odd] = await Promise.all([this.post("/e2e/none/x/x", ""), this.post("/e2e/odd/ready/answer", "{}")]);
      return counter.text.includes("e2e/counter") && odd.status === 200;
    });
  }

  /** Asks another router than the one that was started here. */
  at<Answer>(url: string, ask: () => Promise<Answer>): Promise<Answer> {
    this.#url = url;
    return ask();
  }

  async stopFunctions(): Promise<void> {
    await this.#functions.kill();
    await this.#lambda?.stop();
  }

  async startFunctions(): Promise<void> {
    this.#functions = startEntry("function-entry", new URL(this.functionsUrl).port);
    await this.#functions.said(/functions on/);
    await this.#lambda?.startAgain();
  }

  async killAndRestart(): Promise<void> {
    await this.router.kill();
    await this.start();
  }

  async end(): Promise<void> {
    await this.#router?.kill();
    await this.#functions.kill();
    await this.#lambda?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  post(path: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    return this.ask("POST", path, body, { "content-type": "application/json", ...headers });
  }

  get(path: string): Promise<Reply> {
    return this.ask("GET", path, "", {});
  }

  /** The path goes out as it is: nothing is normalised on the way. Rejects when the connection fails. */
  ask(method: string, path: string, body: string | Buffer, headers: Readonly<Record<string, string>>): Promise<Reply> {
    const { hostname, port } = new URL(this.#url);
    return new Promise((resolve, reject) => {
      const sent = request({ method, hostname, port, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", (error) => reject(new ReplyCutOff(error.message)));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const { statusCode: status = 0, headers } = response;
          const isProblem = headers["content-type"]?.startsWith("application/problem+json") === true;
          resolve({ status, headers, text, code: isProblem ? (JSON.parse(text) as { code: string }).code : null });
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  async add(id: string, key?: string): Promise<Reply> {
    return this.post(`/e2e/counter/${id}/add`, '{"by":1}', key === undefined ? {} : { "idempotency-key": key });
  }

  async total(id: string): Promise<number> {
    const { text } = await this.get(`/e2e/counter/${id}`);
    return (JSON.parse(text) as { state: { count: number } | null }).state?.count ?? 0;
  }
}

/** Polls a condition; rejects when it has not come true in time. */
export async function until(holds: () => Promise<boolean>, withinMs = 10_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`it has not come true within ${withinMs} ms`);
}
