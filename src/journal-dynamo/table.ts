/** The table of a DynamoDB journal, for `createTable` and `tableFindings` (src/aws/dynamo-table.ts). */
import type { TableShape } from "../aws/dynamo-table.js";
import { EXPIRY_ATTRIBUTE, KEY_ATTRIBUTE } from "./record-item.js";

export const JOURNAL_TABLE: TableShape = { key: [KEY_ATTRIBUTE], expiry: EXPIRY_ATTRIBUTE };
