/** Requests of CloudFormation to a custom resource, and how they are answered (User Guide, "Custom resource reference"). */

export interface CloudFormationRequest {
  readonly RequestType: "Create" | "Update" | "Delete";
  readonly ResponseURL: string;
  readonly StackId: string;
  readonly RequestId: string;
  readonly LogicalResourceId: string;
  readonly PhysicalResourceId?: string;
  readonly ResourceProperties: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly status: "SUCCESS" | "FAILED";
  /** Shown among the stack's events. */
  readonly reason: string;
  readonly physicalId: string;
  readonly data: Readonly<Record<string, string>>;
}

/** Whole answers are limited to 4,096 bytes. */
const REASON_MAX = 1_500;
const ATTEMPTS = 5;

/** Without an answer a stack waits for its timeout: so it is sent again until it arrives. */
export async function answer(request: CloudFormationRequest, { status, reason, physicalId, data }: Answer): Promise<void> {
  const body = JSON.stringify({
    Status: status,
    Reason: reason.slice(0, REASON_MAX),
    PhysicalResourceId: physicalId,
    StackId: request.StackId,
    RequestId: request.RequestId,
    LogicalResourceId: request.LogicalResourceId,
    Data: data,
  });
  let problem: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      // The URL is signed for a request without a content type.
      const response = await fetch(request.ResponseURL, { method: "PUT", headers: { "content-type": "" }, body });
      if (response.ok) return;
      problem = new Error(`CloudFormation's response URL answered ${response.status}`);
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}
