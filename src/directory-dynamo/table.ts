/** The table of a DynamoDB directory, for `createTable` and `tableFindings` (src/aws/dynamo-table.ts). Documents never expire. */
import type { TableShape } from "../aws/dynamo-table.js";
import { GROUP_ATTRIBUTE, KEY_ATTRIBUTE } from "./document-item.js";

export const DIRECTORY_TABLE: TableShape = { key: [GROUP_ATTRIBUTE, KEY_ATTRIBUTE], expiry: null };
