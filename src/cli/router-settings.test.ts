import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ConfigProblem } from "../router/config/config-problem.js";
import { settingsOf } from "./router-settings.js";

describe("where settings come from", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-settings-"));
  const file = join(folder, "some.yaml");
  writeFileSync(file, "cluster: from-file\n");
  after(() => rmSync(folder, { recursive: true }));

  it("HOLDFAST_CONFIG holds them whole, as YAML or JSON, with references to other variables", () => {
    const yaml = settingsOf({}, { HOLDFAST_CONFIG: "cluster: shop\nlog: { level: warn }\n" });
    assert.deepEqual([yaml.cluster, yaml.log.level], ["shop", "warn"]);
    const auth = { kind: "keys", keys: [{ principal: "registrar", key: `\${ADMIN_KEY}` }] };
    const text = JSON.stringify({ listen: { admin: "0.0.0.0:9070" }, admin: { auth } });
    const json = settingsOf({}, { HOLDFAST_CONFIG: text, ADMIN_KEY: "0123456789abcdef" });
    assert.ok(json.admin.auth.kind === "keys" && json.admin.auth.keys[0]?.key === "0123456789abcdef");
  });

  it("a file that is named wins, and what the command line says wins over both", () => {
    const settings = settingsOf({ config: file, port: "0" }, { HOLDFAST_CONFIG: "cluster: from-variable" });
    assert.deepEqual([settings.cluster, settings.listen.ingress.port], ["from-file", 0]);
  });

  it("a variable that is empty is refused, instead of a router on local disk", () => {
    assert.throws(
      () => settingsOf({}, { HOLDFAST_CONFIG: " \n" }),
      (error) => error instanceof ConfigProblem && error.code === "config_unreadable",
    );
  });

  it("problems name the variable", () => {
    assert.throws(() => settingsOf({}, { HOLDFAST_CONFIG: "cluster: [" }), /HOLDFAST_CONFIG: /);
  });
});
