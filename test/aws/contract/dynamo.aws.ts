import assert from "node:assert/strict";
import { test } from "node:test";
import { tableFindings } from "../../../src/aws/dynamo-table.js";
import { JOURNAL_TABLE } from "../../../src/journal-dynamo/table.js";
import { directoryContract } from "../../contract/directory.contract.js";
import { dynamoDirectoryUnderTest, dynamoJournalUnderTest, emulator, journalTable } from "../../contract/dynamo-subjects.js";
import { journalContract } from "../../contract/journal.contract.js";
import { realClock } from "../../contract/real-clock.js";
import { endpointOf } from "../servers/endpoints.js";

const endpoint = endpointOf("dynamodb");

test("the journal's table expires records, and nothing is found that is fatal or could not be looked at", async () => {
  const aws = emulator(endpoint);
  const table = await journalTable(aws);
  const findings = await tableFindings({ aws, table, shape: JOURNAL_TABLE, clock: realClock });
  const kinds = findings.map(({ kind }) => kind);
  assert.ok(!kinds.includes("no_expiry") && !kinds.includes("unknown"), kinds.join());
  assert.ok(findings.every(({ isFatal }) => !isFatal));
});

journalContract(`DynamoDB at ${endpoint}`, () => dynamoJournalUnderTest(emulator(endpoint)));
directoryContract(`DynamoDB at ${endpoint}`, () => dynamoDirectoryUnderTest(emulator(endpoint)));
