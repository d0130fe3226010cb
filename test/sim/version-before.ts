/**
 * The router of the version before: records that refer to values are of a format that it does not know. It says in its document
 * what it knows, makes clusters in which nobody writes more, and ends where it meets it all the same (RULES.md 15d).
 */
import type { CoreTools } from "../../src/core/core-settings.js";
import type { LogId } from "../../src/core/log/record.js";
import { NewerFormat } from "../../src/core/ownership/documents.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";

const FORMAT_BEFORE = 1;

export function codecsBefore(incarnation: LogId): Pick<CoreTools, "documentCodec" | "recordCodec"> {
  return {
    documentCodec: {
      ...documentCodec,
      encodeNode(document, clusterId) {
        const known = document.incarnation === incarnation ? { ...document, recordFormat: FORMAT_BEFORE } : document;
        return documentCodec.encodeNode(known, clusterId);
      },
      encodeCluster(document) {
        return documentCodec.encodeCluster({ ...document, recordFormatFloor: FORMAT_BEFORE });
      },
      decodeCluster(body) {
        const cluster = documentCodec.decodeCluster(body);
        if (cluster.recordFormatFloor > FORMAT_BEFORE) throw new NewerFormat(`records of format ${cluster.recordFormatFloor}`);
        return cluster;
      },
    },
    recordCodec(clusterId) {
      const codec = recordCodec(clusterId);
      return {
        ...codec,
        decode: (body) => (codec.mayRefer(body) ? { kind: "newer", version: FORMAT_BEFORE + 1 } : codec.decode(body)),
      };
    },
  };
}
