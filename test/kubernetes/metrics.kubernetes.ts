/** Autoscaling and alerts: that they ask for metrics which there are, in a language that Prometheus reads. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { build, find, promqlProblems } from "./manifests.js";

interface Alert {
  readonly alert: string;
  readonly expr: string;
}

interface AdapterRule {
  readonly seriesQuery: string;
  readonly name: { readonly as: string };
  readonly metricsQuery: string;
}

interface AutoscalerSpec {
  readonly metrics: readonly { readonly pods?: { readonly metric: { readonly name: string } } }[];
}

const METRICS = "src/router/metrics";
const source = readdirSync(METRICS)
  .map((file) => readFileSync(`${METRICS}/${file}`, "utf8"))
  .join("\n");
const alerts = (
  parse(readFileSync("deploy/kubernetes/metrics/alerts.yaml", "utf8")) as { groups: { rules: Alert[] }[] }
).groups.flatMap(({ rules }) => rules);
const adapter = parse(readFileSync("deploy/kubernetes/metrics/prometheus-adapter.yaml", "utf8")) as {
  readonly rules: { readonly custom: readonly AdapterRule[] };
};

/** Named where it is made; or among the figures, which have neither beginning nor end of the name. */
function isKnown(metric: string): boolean {
  const figure = metric.replace(/^holdfast_/, "").replace(/_total$/, "");
  return source.includes(`"${metric}"`) || source.includes(`"${figure}"`);
}

function metricsOf(expression: string): readonly string[] {
  return expression.match(/holdfast_[a-z_]+/g) ?? [];
}

describe("the alerts", () => {
  it("are expressions that Prometheus reads", () => {
    assert.ok(alerts.length >= 10);
    const problems = promqlProblems(alerts.map(({ expr }) => expr));
    assert.deepEqual(
      problems.filter((problem) => problem !== null),
      [],
    );
    const [broken] = promqlProblems(["sum(rate(holdfast_shard_moves_total[5m])"]);
    assert.match(broken ?? "", /parenthesis/);
  });

  it("ask for metrics that the router has", () => {
    for (const { alert, expr } of alerts) for (const metric of metricsOf(expr)) assert.ok(isKnown(metric), `${alert}: ${metric}`);
    assert.equal(isKnown("holdfast_shard_movements_total"), false);
  });

  it("are each explained by name in docs/operations.md", () => {
    const text = readFileSync("docs/operations.md", "utf8");
    for (const { alert } of alerts) assert.ok(text.includes(`\`${alert}\``), `docs/operations.md says nothing of ${alert}`);
  });
});

describe("the autoscaler's metric", () => {
  it("is the one that the adapter brings, and that the router has", () => {
    const { metrics } = find<AutoscalerSpec>(build("deploy/kubernetes/base"), "HorizontalPodAutoscaler").spec;
    const [rule] = adapter.rules.custom;
    assert.ok(rule !== undefined);
    const wanted = metrics.flatMap(({ pods }) => pods?.metric.name ?? []);
    assert.deepEqual(wanted, [rule.name.as]);
    assert.ok(rule.seriesQuery.startsWith(`${rule.name.as}{`));
    assert.ok(isKnown(wanted[0] ?? ""));
    const query = rule.metricsQuery.replace("<<.GroupBy>>", "pod").replace("<<.Series>>", rule.name.as);
    assert.deepEqual(promqlProblems([query.replace("<<.LabelMatchers>>", 'namespace="holdfast"')]), [null]);
  });
});
