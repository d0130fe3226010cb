/**
 * Requests to one bucket: counted, bounded in number, and tried again for a few seconds where that is safe. What outlasts
 * that is the caller's: the core waits longer, with its own back-off.
 */
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { type AwsSettings, awsClientOptions } from "../aws/client-options.js";
import { type AwsFailure, awsFailure } from "../aws/failure.js";
import type { ClockPort } from "../ports/clock.js";
import type { RequestKind, RequestMeter } from "../ports/request-meter.js";
import { Gate } from "./gate.js";

/** What became of a request: its answer, or why there is none. */
export type Requested<Answer> =
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "failed"; readonly failure: AwsFailure; readonly error: unknown };

export interface RequestPlan {
  readonly meter: RequestKind;
  /** The permission that it needs. */
  readonly action: string;
  /** Whether it may be sent again although it may have been done: only where doing it twice changes nothing. */
  readonly isRepeatable: boolean;
}

/** Reads that are under way at once; with a socket for each, none waits for one unseen. */
const READS_MAX = 48;
/** Uploads and all else under way at once: a flush's and a merge's parts, and room for small objects beside them. */
const WRITES_MAX = 8;
/** Behind this a request that failed is not sent again here. */
const TRIED_MS_MAX = 5000;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 1000;

export class S3Requests {
  readonly client: S3Client;
  readonly #bucket: string;
  readonly #meter: RequestMeter;
  readonly #clock: ClockPort;
  readonly #reads = new Gate(READS_MAX);
  readonly #writes = new Gate(WRITES_MAX);
  #isClosing = false;

  constructor(bucket: string, aws: AwsSettings, clock: ClockPort, meter: RequestMeter) {
    this.#bucket = bucket;
    this.#clock = clock;
    this.#meter = meter;
    this.client = s3Client(aws, READS_MAX + WRITES_MAX);
  }

  /** From now on nothing is sent a second time, so that what is under way ends soon. */
  stopRepeating(): void {
    this.#isClosing = true;
  }

  /** Never throws. */
  async request<Answer>(plan: RequestPlan, send: (client: S3Client) => Promise<Answer>): Promise<Requested<Answer>> {
    const gate = plan.meter === "s3_get" ? this.#reads : this.#writes;
    const beginMs = this.#clock.monotonicMs();
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      const requested = await gate.through(() => this.#once(plan, send));
      if (requested.kind === "answered") return requested;
      const wishMs = waitBeforeNext(requested.failure, plan);
      if (wishMs === null || this.#isClosing) return requested;
      // Not all at once after whatever held all of them up.
      const waitMs = Math.max(wishMs, pauseMs * (0.5 + Math.random()));
      if (this.#clock.monotonicMs() + waitMs - beginMs > TRIED_MS_MAX) return requested;
      await this.#clock.sleep(waitMs);
    }
  }

  async #once<Answer>(plan: RequestPlan, send: (client: S3Client) => Promise<Answer>): Promise<Requested<Answer>> {
    this.#meter.count(plan.meter, 1);
    try {
      return { kind: "answered", answer: await send(this.client) };
    } catch (error) {
      const resource = { what: "bucket", name: this.#bucket } as const;
      return { kind: "failed", failure: awsFailure(error, { action: plan.action, resource }), error };
    }
  }
}

/** Null: sending it again cannot help, or is not safe. */
function waitBeforeNext(failure: AwsFailure, plan: RequestPlan): number | null {
  switch (failure.kind) {
    case "throttled":
      return failure.retryAfterMs ?? 0;
    case "notSent":
      return 0;
    case "ambiguous":
      return plan.isRepeatable ? 0 : null;
    case "denied":
    case "missing":
    case "credentials":
    case "invalid":
      return null;
  }
}

export function s3Client(aws: AwsSettings, socketsMax: number): S3Client {
  const config: S3ClientConfig = {
    ...awsClientOptions(aws, {
      socketsMax,
      connectTimeoutMs: 3000,
      // A part of 8 MB at 1 MB/s, or a completion that S3 takes its time for.
      answerTimeoutMs: 15_000,
      silenceTimeoutMs: 15_000,
    }),
    // The form that AWS and every emulator take, and buckets with a dot in their name.
    forcePathStyle: true,
    // Checksums are computed here, while the bytes come (s3-object-writer.ts), and segments carry their own.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
  const client = new S3Client(config);
  client.middlewareStack.add(
    (next, context) => (step) => {
      if (context.commandName === "PutObjectCommand" || context.commandName === "UploadPartCommand")
        leaveBodyUnsigned(step.request);
      return next(step);
    },
    { step: "build", name: "unsignedBodies" },
  );
  return client;
}

/**
 * Else the signature would need the SHA-256 of the body: milliseconds of the event loop for a part. Its integrity has the
 * CRC-32 that S3 checks; that nobody changes both is TLS's business.
 */
function leaveBodyUnsigned(request: unknown): void {
  const { headers } = request as { readonly headers: Record<string, string> };
  headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD";
}
