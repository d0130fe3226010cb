import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MalformedBytes } from "../../src/core/bytes/byte-reader.js";
import { NewerFormat, NO_PLAN } from "../../src/core/ownership/documents.js";
import { documentCodec as codec, DOCUMENT_FORMAT_VERSION } from "../../src/protocol/record/document-codec.js";
import { anyCluster, anyClusterId, anyDescriptor, anyNode, anyPlan, spoiled } from "./arbitraries.js";

const CLUSTER = new Uint8Array(16).fill(7);
const VERSION_AT = 3;

/** Each kind of document as bytes, with what reads it. */
const anyDocument = fc.oneof(
  anyCluster.map((document) => ({
    bytes: codec.encodeCluster(document),
    decode: (body: Uint8Array) => codec.decodeCluster(body),
  })),
  anyNode.map((document) => ({
    bytes: codec.encodeNode(document, CLUSTER),
    decode: (body: Uint8Array) => codec.decodeNode(body, CLUSTER),
  })),
  anyPlan.map((document) => ({
    bytes: codec.encodePlan(document, CLUSTER),
    decode: (body: Uint8Array) => codec.decodePlan(body, CLUSTER),
  })),
  anyDescriptor.map((document) => ({
    bytes: codec.encodeDescriptor(document, CLUSTER),
    decode: (body: Uint8Array) => codec.decodeDescriptor(body, CLUSTER),
  })),
);

test("the four kinds of documents survive their codec", () => {
  fc.assert(
    fc.property(anyCluster, anyNode, anyPlan, anyDescriptor, anyClusterId, (cluster, node, plan, descriptor, clusterId) => {
      assert.deepEqual(codec.decodeCluster(codec.encodeCluster(cluster)), cluster);
      assert.deepEqual(codec.decodeNode(codec.encodeNode(node, clusterId), clusterId), node);
      assert.deepEqual(codec.decodePlan(codec.encodePlan(plan, clusterId), clusterId), plan);
      assert.deepEqual(codec.decodeDescriptor(codec.encodeDescriptor(descriptor, clusterId), clusterId), descriptor);
    }),
    { numRuns: 300 },
  );
});

test("what was decoded does not share memory with the bytes it came from", () => {
  fc.assert(
    fc.property(anyCluster, anyDescriptor, (cluster, descriptor) => {
      const clusterBytes = codec.encodeCluster(cluster);
      const descriptorBytes = codec.encodeDescriptor(descriptor, CLUSTER);
      const decoded = [codec.decodeCluster(clusterBytes), codec.decodeDescriptor(descriptorBytes, CLUSTER)];
      clusterBytes.fill(0xff);
      descriptorBytes.fill(0xff);
      assert.deepEqual(decoded, [cluster, descriptor]);
    }),
  );
});

test("documents of another cluster and of another kind are refused", () => {
  const other = new Uint8Array(16).fill(8);
  const [node] = fc.sample(anyNode, { numRuns: 1, seed: 1 });
  const [descriptor] = fc.sample(anyDescriptor, { numRuns: 1, seed: 1 });
  assert.ok(node !== undefined && descriptor !== undefined);
  assert.throws(() => codec.decodeNode(codec.encodeNode(node, other), CLUSTER), /another cluster/);
  assert.throws(() => codec.decodeDescriptor(codec.encodeDescriptor(descriptor, other), CLUSTER), /another cluster/);
  assert.throws(() => codec.decodeNode(codec.encodeDescriptor(descriptor, CLUSTER), CLUSTER), /another kind/);
  assert.throws(() => codec.decodeDescriptor(codec.encodeNode(node, CLUSTER), CLUSTER), /another kind/);
  assert.throws(() => codec.decodeCluster(codec.encodeNode(node, CLUSTER)), /another kind/);
  assert.throws(() => codec.decodePlan(codec.encodeNode(node, CLUSTER), CLUSTER), /another kind/);
  assert.throws(() => codec.decodeNode(codec.encodePlan(NO_PLAN, CLUSTER), CLUSTER), /another kind/);
});

test("a newer version is told as such, whatever follows; so are a codec and a key id that are not known", () => {
  fc.assert(
    fc.property(anyDocument, fc.constantFrom(0, 1, 2), ({ bytes, decode }, offset) => {
      bytes[VERSION_AT + offset] = offset === 0 ? DOCUMENT_FORMAT_VERSION + 1 : 1;
      assert.throws(() => decode(bytes), NewerFormat);
      assert.throws(() => decode(bytes.subarray(0, 7)), NewerFormat);
      bytes[VERSION_AT] = 0;
      bytes[VERSION_AT + 1] = 0;
      bytes[VERSION_AT + 2] = 0;
      assert.throws(() => decode(bytes), MalformedBytes, "no version 0 was ever written");
    }),
  );
});

test("spoiled documents are other documents or refused by the two errors, never another one", () => {
  fc.assert(
    fc.property(anyDocument, fc.nat(), fc.nat({ max: 255 }), ({ bytes, decode }, place, byte) => {
      try {
        decode(spoiled(bytes, place, byte));
      } catch (error) {
        assert.ok(error instanceof MalformedBytes || error instanceof NewerFormat, String(error));
      }
    }),
    { numRuns: 1_500 },
  );
});

test("a document that is cut off, or has more behind its end, is refused", () => {
  fc.assert(
    fc.property(anyDocument, fc.nat(), ({ bytes, decode }, cut) => {
      assert.throws(() => decode(bytes.subarray(0, cut % bytes.length)), MalformedBytes);
      assert.throws(() => decode(Uint8Array.from([...bytes, 0])), MalformedBytes);
    }),
  );
});
