/** The contracts of journal and directory on dynalite. On Amazon's own DynamoDB Local: test/aws. */
import { after } from "node:test";
import { startDynalite } from "../aws/servers/dynalite.js";
import { directoryContract } from "./directory.contract.js";
import { dynamoDirectoryUnderTest, dynamoJournalUnderTest, emulator } from "./dynamo-subjects.js";
import { journalContract } from "./journal.contract.js";

const server = await startDynalite();
after(() => server.stop());

journalContract("DynamoDB (dynalite)", () => dynamoJournalUnderTest(emulator(server.endpoint)));
directoryContract("DynamoDB (dynalite)", () => dynamoDirectoryUnderTest(emulator(server.endpoint)));
