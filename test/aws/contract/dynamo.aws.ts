import { directoryContract } from "../../contract/directory.contract.js";
import { dynamoDirectoryUnderTest, dynamoJournalUnderTest, emulator } from "../../contract/dynamo-subjects.js";
import { journalContract } from "../../contract/journal.contract.js";
import { endpointOf } from "../servers/endpoints.js";

const endpoint = endpointOf("dynamodb");

journalContract(`DynamoDB at ${endpoint}`, () => dynamoJournalUnderTest(emulator(endpoint)));
directoryContract(`DynamoDB at ${endpoint}`, () => dynamoDirectoryUnderTest(emulator(endpoint)));
