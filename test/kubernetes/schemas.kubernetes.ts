/** Whether Kubernetes' API would take it; and whether these tests would notice if not. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { build, FOLDERS, find, type Manifest, schemaProblems, VERSIONS } from "./manifests.js";

describe("what kustomize builds", () => {
  for (const folder of FOLDERS) {
    const manifests = build(folder);
    for (const version of VERSIONS) {
      it(`of ${folder} is taken by Kubernetes ${version}, with every field known`, () => {
        assert.ok(manifests.length >= 7, `${manifests.length} manifests`);
        assert.equal(schemaProblems(manifests, version), "");
      });
    }
  }
});

describe("a broken manifest", () => {
  const manifests = build("deploy/kubernetes/base");
  const broken = (kind: string, from: string | RegExp, to: string): unknown => {
    const text = JSON.stringify(find(manifests, kind));
    const changed = text.replace(from, to);
    assert.notEqual(changed, text);
    return JSON.parse(changed);
  };
  const mistakes: Readonly<Record<string, { readonly manifest: unknown; readonly said: RegExp }>> = {
    "a field with a typing error": { manifest: broken("Deployment", "readinessProbe", "readynessProbe"), said: /readynessProbe/ },
    "a field in the wrong place": {
      manifest: broken("PodDisruptionBudget", '"spec":{', '"spec":{"minReadySeconds":1,'),
      said: /minReadySeconds/,
    },
    "a text for a number": {
      manifest: broken("HorizontalPodAutoscaler", '"minReplicas":3', '"minReplicas":"3"'),
      said: /minReplicas|integer/,
    },
    "a field that must be there and is not": {
      manifest: broken("HorizontalPodAutoscaler", '"maxReplicas":12,', ""),
      said: /maxReplicas/,
    },
    "a version of the API that is gone": {
      manifest: broken("PodDisruptionBudget", "policy/v1", "policy/v1beta1"),
      said: /v1beta1/,
    },
  };
  for (const [mistake, { manifest, said }] of Object.entries(mistakes)) {
    it(`is refused: ${mistake}`, () => {
      for (const version of VERSIONS) assert.match(schemaProblems([manifest], version), said);
    });
  }

  it("is refused among good ones", () => {
    assert.match(schemaProblems([...manifests, broken("Service", '"ports"', '"port"')], "1.37.0"), /port/);
  });
});

describe("a broken overlay", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-overlay-"));
  after(() => rmSync(folder, { recursive: true }));
  cpSync("deploy/kubernetes", folder, { recursive: true });
  const aws = join(folder, "overlays/aws/kustomization.yaml");
  const text = readFileSync(aws, "utf8");
  const buildWith = (from: string, to: string): readonly Manifest[] => {
    assert.ok(text.includes(from));
    writeFileSync(aws, text.replace(from, to));
    return build(join(folder, "overlays/aws"));
  };

  it("is refused: a file that is not there", () => {
    assert.throws(() => buildWith("namespace.yaml", "namespaces.yaml"), /namespaces\.yaml/);
  });

  it("is refused: a field that kustomize does not know", () => {
    assert.throws(() => buildWith("configMapGenerator", "configMapGenerators"), /configMapGenerators/);
  });

  it("is refused: a patch of what is not there", () => {
    assert.throws(() => buildWith("path: /spec/egress/-", "path: /spec/egresses/-"), /egresses/);
  });

  it("is built when nothing is wrong with it", () => {
    assert.ok(buildWith("namespace.yaml", "namespace.yaml").length > 0);
  });
});
