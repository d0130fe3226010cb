/** Stacks of CloudFormation, waited for. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from "@aws-sdk/client-cloudformation";
import { CREDENTIALS, REGION } from "./ministack.js";

const DEADLINE_MS = 90_000;

export class StackClient {
  readonly #client: CloudFormationClient;

  constructor(endpoint: string) {
    this.#client = new CloudFormationClient({ region: REGION, endpoint, credentials: CREDENTIALS });
  }

  async create(name: string, templateUrl: string): Promise<void> {
    await this.#client.send(
      new CreateStackCommand({ StackName: name, TemplateURL: templateUrl, Capabilities: ["CAPABILITY_IAM"] }),
    );
  }

  async update(name: string, templateUrl: string): Promise<void> {
    await this.#client.send(
      new UpdateStackCommand({ StackName: name, TemplateURL: templateUrl, Capabilities: ["CAPABILITY_IAM"] }),
    );
  }

  async delete(name: string): Promise<void> {
    await this.#client.send(new DeleteStackCommand({ StackName: name }));
  }

  /** Physical ids by logical ids, as soon as everything that is `wanted` is there. */
  async resources(name: string, wanted: readonly string[]): Promise<ReadonlyMap<string, string>> {
    for (const endMs = Date.now() + DEADLINE_MS; ; await sleep(200)) {
      const { StackResources = [] } = await this.#client.send(new DescribeStackResourcesCommand({ StackName: name }));
      const there = StackResources.filter(({ ResourceStatus }) => ResourceStatus === "CREATE_COMPLETE");
      const found = new Map(there.map((one) => [one.LogicalResourceId ?? "", one.PhysicalResourceId ?? ""]));
      if (wanted.every((one) => found.has(one))) return found;
      if (Date.now() > endMs)
        throw new Error(`not there: ${wanted.filter((one) => !found.has(one)).join(", ")}\n${await this.failures(name)}`);
    }
  }

  /** The status at the end. A stack that is gone was deleted. */
  async settled(name: string): Promise<string> {
    for (const endMs = Date.now() + DEADLINE_MS; ; await sleep(300)) {
      const status = await this.#status(name);
      if (!status.endsWith("IN_PROGRESS")) return status;
      if (Date.now() > endMs) throw new Error(`${name} is still ${status}\n${await this.failures(name)}`);
    }
  }

  async #status(name: string): Promise<string> {
    try {
      const { Stacks: found = [] } = await this.#client.send(new DescribeStacksCommand({ StackName: name }));
      return found[0]?.StackStatus ?? "";
    } catch (error) {
      if (error instanceof Error && error.message.endsWith("does not exist")) return "DELETE_COMPLETE";
      throw error;
    }
  }

  async failures(name: string): Promise<string> {
    const { StackEvents = [] } = await this.#client.send(new DescribeStackEventsCommand({ StackName: name }));
    const failed = StackEvents.filter(({ ResourceStatus = "" }) => ResourceStatus.endsWith("FAILED"));
    return failed.map((one) => `${one.LogicalResourceId} (${one.ResourceType}): ${one.ResourceStatusReason}`).join("\n");
  }
}
