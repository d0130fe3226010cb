/** One router of the cluster: a process that is started, killed, stopped and continued, at addresses that it keeps. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child } from "../../e2e/child.js";
import { type Build, programOf } from "./build.js";
import { type HttpAnswer, tryHttp } from "./http-try.js";
import { keptPort } from "./ports.js";
import type { StoreDoor } from "./store-door.js";

export interface NodeOptions {
  readonly name: string;
  /** For settings and logs. */
  readonly folder: string;
  readonly door: StoreDoor;
  /** What all nodes of a cluster have in common, behind the address of their door. */
  readonly settings: (doorUrl: string) => readonly string[];
  readonly build: Build;
}

/** How long a supervisor waits before it starts a router again that ended by itself. */
const SUPERVISED_AFTER_MS = 500;
const ADMIN_MS = 5_000;
/** Of what the operator asks to be done. */
const ADMIN_ACT_MS = 30_000;

export class RouterNode {
  readonly name: string;
  readonly ingressUrl: string;
  readonly adminUrl: string;
  readonly peerPort: number;
  /** Where others find it: the proxy before its peer port. */
  readonly advertisedPort: number;
  readonly door: StoreDoor;
  readonly logPath: string;
  readonly #options: NodeOptions;
  #build: Build;
  #child: Child | null = null;
  #isPaused = false;
  #isWanted = false;
  /** Ends that nobody asked for, by exit code or signal. */
  readonly ownEnds = new Map<string, number>();

  private constructor(options: NodeOptions, [ingress, admin, peer, advertised]: readonly [number, number, number, number]) {
    this.#options = options;
    this.#build = options.build;
    this.name = options.name;
    this.door = options.door;
    this.ingressUrl = `http://127.0.0.1:${ingress}`;
    this.adminUrl = `http://127.0.0.1:${admin}`;
    this.peerPort = peer;
    this.advertisedPort = advertised;
    this.logPath = join(options.folder, `${options.name}.log`);
  }

  static async make(options: NodeOptions): Promise<RouterNode> {
    return new RouterNode(options, [await keptPort(), await keptPort(), await keptPort(), await keptPort()]);
  }

  /** Null: it does not run. */
  get pid(): number | null {
    return this.#child === null || this.#child.hasExited ? null : this.#child.pid;
  }

  /** Takes connections, as far as one can tell from outside: a stopped process does. */
  get isUp(): boolean {
    return this.pid !== null;
  }

  get build(): Build {
    return this.#build;
  }

  get state(): string {
    const process = this.pid === null ? "down" : this.#isPaused ? "stopped" : "running";
    return `${process} on ${this.#build.name}`;
  }

  start(build = this.#build): void {
    if (this.isUp) return;
    this.#build = build;
    this.#isWanted = true;
    this.#isPaused = false;
    const path = join(this.#options.folder, `${this.name}.yaml`);
    writeFileSync(path, this.#settingLines(build).join("\n"));
    const child = new Child(process.execPath, [programOf(build), "start", "--config", path], {}, this.logPath);
    this.#child = child;
    child.exited.then(
      ({ code, signal }) => {
        if (this.#child !== child || !this.#isWanted) return;
        const how = signal ?? `exit code ${code}`;
        this.ownEnds.set(how, (this.ownEnds.get(how) ?? 0) + 1);
        setTimeout(() => this.#isWanted && this.start(), SUPERVISED_AFTER_MS);
      },
      () => undefined,
    );
  }

  async kill(): Promise<void> {
    this.#isWanted = false;
    this.#isPaused = false;
    await this.#child?.kill();
  }

  /** An orderly stop. Resolves when the process has ended; false: it had to be killed. */
  async stop(withinMs: number): Promise<boolean> {
    this.#isWanted = false;
    const child = this.#child;
    if (child === null || child.hasExited) return true;
    child.signal("SIGTERM");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), withinMs)));
    const isOrderly = await Promise.race([child.exited.then(() => true), late]);
    clearTimeout(timer);
    if (!isOrderly) await child.kill();
    return isOrderly;
  }

  pause(): void {
    if (!this.isUp) return;
    this.#isPaused = true;
    this.#child?.signal("SIGSTOP");
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#child?.signal("SIGCONT");
  }

  async isReady(): Promise<boolean> {
    const answer = await this.admin("/readyz").catch(() => null);
    return answer?.status === 200;
  }

  admin(path: string, body: string | null = null, timeoutMs = body === null ? ADMIN_MS : ADMIN_ACT_MS): Promise<HttpAnswer> {
    const asked = body === null ? ({ method: "GET" } as const) : ({ method: "POST", body } as const);
    return tryHttp(this.adminUrl, { ...asked, path, timeoutMs });
  }

  #settingLines(build: Build): readonly string[] {
    const hosts = [this.ingressUrl, this.adminUrl].map((url) => new URL(url).host);
    return [
      `listen: { ingress: '${hosts[0]}', admin: '${hosts[1]}' }`,
      ...(build.hasPeers
        ? [`peers: { listen: '127.0.0.1:${this.peerPort}', advertise: '127.0.0.1:${this.advertisedPort}' }`]
        : []),
      ...this.#options.settings(this.door.url),
    ];
  }
}
