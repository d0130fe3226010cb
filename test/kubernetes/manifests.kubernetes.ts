/** What has to be so that nothing is lost, nobody waits, and nobody gets in: for each overlay that people deploy. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readSettings } from "../../src/router/config/read-settings.js";
import type { Settings } from "../../src/router/config/settings.js";
import {
  build,
  type Container,
  find,
  type Manifest,
  OVERLAYS,
  overlayFolder,
  type PodSpec,
  podsOf,
  routerOf,
  type Workload,
} from "./manifests.js";

/** Segments are written, shards released, the log sealed: as the CDK construct has it (`AFTER_DRAIN_SECONDS`). */
const AFTER_DRAIN_SECONDS = 30;
const MEBI = 1 << 20;
const POD_IP = "10.0.3.4";

for (const overlay of OVERLAYS) {
  const manifests = build(overlayFolder(overlay));
  const { pod, container } = routerOf(manifests);

  describe(`the settings in overlay ${overlay}`, () => {
    const settings = settingsOf(manifests, container);
    const portOf = (name: string) => container.ports.find((port) => port.name === name)?.containerPort;

    it("are taken by the router's own reader, and every variable in them is set", () => {
      assert.equal(settings.journal.kind, "dynamodb");
      assert.equal(settings.snapshots.kind, "s3");
      assert.equal(settings.directory.kind, "dynamodb");
      assert.throws(() => settingsOf(manifests, { ...container, envFrom: [] }), /HOLDFAST_LOG_TABLE/);
    });

    it("listen where the pod's ports are, to everybody, with keys", () => {
      assert.deepEqual(settings.listen.ingress, { host: "0.0.0.0", port: portOf("ingress") });
      assert.deepEqual(settings.listen.admin, { host: "0.0.0.0", port: portOf("admin") });
      assert.deepEqual([settings.ingress.auth.kind, settings.admin.auth.kind], ["keys", "keys"]);
    });

    it("advertise the pod's own address to the other routers", () => {
      const text = settingsText(manifests);
      assert.match(text, new RegExp(`listen: 0\\.0\\.0\\.0:${portOf("peers")}$`, "m"));
      assert.match(text, new RegExp(`advertise: "\\$\\{POD_IP\\}:${portOf("peers")}"$`, "m"));
      const ip = container.env.find(({ name }) => name === "POD_IP");
      assert.deepEqual(ip?.valueFrom, { fieldRef: { fieldPath: "status.podIP" } });
    });

    it("fit into the pod's memory, with the heap and a tenth to spare", () => {
      const limit = mebi(container.resources.limits["memory"]);
      const options = container.env.find(({ name }) => name === "NODE_OPTIONS")?.value ?? "";
      const heap = Number(/--max-old-space-size=(\d+)/.exec(options)?.[1]);
      assert.ok(heap + settings.memory.totalBytes / MEBI <= limit * 0.9, `${heap} + ${settings.memory.totalBytes / MEBI}`);
      assert.ok(settings.memory.cacheBytes < settings.memory.totalBytes);
    });

    it("leave time for the drain: the kill comes later than preStop, drain and what follows it", () => {
      assert.deepEqual(graceProblems(pod, settings), []);
      assert.equal(graceProblems({ ...pod, terminationGracePeriodSeconds: 30 }, settings).length, 1);
    });
  });

  describe(`the routers in overlay ${overlay}`, () => {
    it("are asked whether they live, and whether they are ready, at the admin port", () => {
      const admin = container.ports.find(({ name }) => name === "admin");
      assert.equal(admin?.containerPort, 9070);
      const asked = [container.startupProbe, container.livenessProbe, container.readinessProbe].map(({ httpGet }) => httpGet);
      assert.deepEqual(asked, [
        { path: "/healthz", port: "admin" },
        { path: "/healthz", port: "admin" },
        { path: "/readyz", port: "admin" },
      ]);
      const { periodSeconds, failureThreshold } = container.livenessProbe;
      assert.ok(periodSeconds * failureThreshold >= 60, "a pause of the process is no death");
      // Nobody connects any more to a router that was told to stop.
      const { readinessProbe, lifecycle } = container;
      assert.ok(readinessProbe.periodSeconds <= lifecycle.preStop.sleep.seconds);
    });

    it("may do nothing beyond their work: not root, no privileges, no writable files, no token of Kubernetes", () => {
      assert.deepEqual(securityProblems(pod), []);
      assert.equal(pod.automountServiceAccountToken, false);
      assert.equal(container.securityContext?.["readOnlyRootFilesystem"], true);
    });

    it("are replaced without a gap, and drained one at a time", () => {
      const { strategy } = find<Workload>(manifests, "Deployment").spec;
      assert.deepEqual(strategy, { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } });
      const budget = find<{ maxUnavailable: number; selector: { matchLabels: Labels } }>(manifests, "PodDisruptionBudget").spec;
      assert.equal(budget.maxUnavailable, 1);
      assert.ok(selects(budget.selector.matchLabels, labelsOf(manifests)));
    });

    it("are found by both services, by the peers' one also before they are ready", () => {
      const ofClients = find<ServiceSpec>(manifests, "Service").spec;
      assert.deepEqual([ofClients.ports.map(({ targetPort }) => targetPort), ofClients.clusterIP], [["ingress"], undefined]);
      const ofPeers = find<ServiceSpec>(manifests, "Service", "holdfast-peers").spec;
      assert.deepEqual([ofPeers.clusterIP, ofPeers.publishNotReadyAddresses], ["None", true]);
      assert.deepEqual(
        ofPeers.ports.map(({ targetPort }) => targetPort),
        ["peers", "admin"],
      );
      for (const { selector } of [ofClients, ofPeers]) assert.ok(selects(selector, labelsOf(manifests)));
    });

    it("are reached at the peers' port by one another, and by nobody else", () => {
      const { spec } = find<PolicySpec>(manifests, "NetworkPolicy");
      assert.deepEqual(spec.policyTypes, ["Ingress", "Egress"]);
      assert.ok(selects(spec.podSelector.matchLabels, labelsOf(manifests)));
      const reaching = spec.ingress.filter(({ ports }) => ports === undefined || ports.some(({ port }) => port === 7071));
      assert.deepEqual(reaching, [{ from: [{ podSelector: spec.podSelector }], ports: [{ protocol: "TCP", port: 7071 }] }]);
      assert.ok(
        spec.ingress.every(({ from, ports }) => from !== undefined && ports !== undefined),
        "no rule is for everybody or for every port",
      );
    });

    it("refer to nothing that is not there, but the keys of a real cluster", () => {
      const there = new Set(manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
      const settings = pod.volumes.map(({ configMap }) => `ConfigMap ${configMap?.name}`);
      const environment = container.envFrom.map(({ configMapRef }) => `ConfigMap ${configMapRef.name}`);
      for (const name of [...settings, ...environment, `ServiceAccount ${pod.serviceAccountName}`])
        assert.ok(there.has(name), name);
      assert.ok(
        pod.volumes.every(({ configMap }) => configMap !== undefined),
        "nothing that is written",
      );
    });
  });

  describe(`everything in overlay ${overlay}`, () => {
    it("runs without privileges", () => {
      for (const one of podsOf(manifests)) {
        assert.equal(one.automountServiceAccountToken, false);
        for (const { name, securityContext } of one.containers)
          assert.deepEqual(
            [name, securityContext?.["privileged"], securityContext?.["allowPrivilegeEscalation"]],
            [name, undefined, false],
          );
      }
    });
  });
}

describe("the check for privileges", () => {
  const { pod, container } = routerOf(build(overlayFolder("aws")));

  it("finds each of them", () => {
    const withContainer = (securityContext: object): PodSpec => ({
      ...pod,
      containers: [{ ...container, securityContext: { ...container.securityContext, ...securityContext } }],
    });
    const careless: readonly PodSpec[] = [
      { ...pod, hostNetwork: true },
      { ...pod, securityContext: { ...pod.securityContext, runAsNonRoot: false } },
      { ...pod, securityContext: { ...pod.securityContext, seccompProfile: { type: "Unconfined" } } },
      withContainer({ privileged: true }),
      withContainer({ allowPrivilegeEscalation: true }),
      withContainer({ capabilities: { drop: ["NET_RAW"] } }),
      withContainer({ capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } }),
      withContainer({ runAsUser: 0 }),
    ];
    for (const one of careless) assert.equal(securityProblems(one).length, 1, JSON.stringify(one.securityContext));
  });
});

describe("on AWS the routers", () => {
  const manifests = build(overlayFolder("aws"));

  it("are spread over zones, strictly, and over machines, as far as there are some", () => {
    const spread = routerOf(manifests).pod.topologySpreadConstraints ?? [];
    assert.deepEqual(
      spread.map(({ topologyKey, whenUnsatisfiable }) => [topologyKey, whenUnsatisfiable]),
      [
        ["topology.kubernetes.io/zone", "DoNotSchedule"],
        ["kubernetes.io/hostname", "ScheduleAnyway"],
      ],
    );
  });

  it("have a processor each, and a role of AWS through their account", () => {
    const { container } = routerOf(manifests);
    assert.equal(container.resources.requests["cpu"], "1");
    assert.equal(container.resources.requests["memory"], container.resources.limits["memory"]);
    const account = find(manifests, "ServiceAccount");
    assert.match(account.metadata.annotations?.["eks.amazonaws.com/role-arn"] ?? "", /^arn:aws:iam::\d{12}:role\//);
  });

  it("are at least three, and their number is the autoscaler's alone", () => {
    assert.equal(find<Workload>(manifests, "Deployment").spec.replicas, undefined);
    const { minReplicas, maxReplicas } = find<{ minReplicas: number; maxReplicas: number }>(
      manifests,
      "HorizontalPodAutoscaler",
    ).spec;
    assert.ok(minReplicas === 3 && maxReplicas > minReplicas);
  });

  it("reach TLS anywhere, but not the machine's own credentials", () => {
    const { egress } = find<PolicySpec>(manifests, "NetworkPolicy").spec;
    const open = egress.filter(({ to }) => to?.some(({ ipBlock }) => ipBlock !== undefined));
    assert.deepEqual(open, [
      { to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } }], ports: [{ protocol: "TCP", port: 443 }] },
    ]);
  });

  it("run where Kubernetes itself refuses privileges, and their keys are in no file", () => {
    const { metadata } = find(manifests, "Namespace");
    assert.equal(metadata.labels?.["pod-security.kubernetes.io/enforce"], "restricted");
    assert.ok(!manifests.some(({ kind }) => kind === "Secret"));
  });
});

describe("on one machine the routers", () => {
  it("are three, without an autoscaler, zones, or a registry", () => {
    const manifests = build(overlayFolder("local"));
    assert.equal(find<Workload>(manifests, "Deployment").spec.replicas, 3);
    assert.ok(!manifests.some(({ kind }) => kind === "HorizontalPodAutoscaler"));
    assert.equal(routerOf(manifests).pod.topologySpreadConstraints, undefined);
    const images = podsOf(manifests).flatMap(({ containers }) => containers.map(({ image }) => image));
    assert.deepEqual(
      images.filter((image) => image.startsWith("holdfast")),
      ["holdfast:local", "holdfast:local"],
    );
  });
});

type Labels = Readonly<Record<string, string>>;

interface ServiceSpec {
  readonly clusterIP?: string;
  readonly publishNotReadyAddresses?: boolean;
  readonly selector: Labels;
  readonly ports: readonly { readonly targetPort: string }[];
}

interface PolicyPeer {
  readonly podSelector?: object;
  readonly ipBlock?: object;
}

interface PolicySpec {
  readonly podSelector: { readonly matchLabels: Labels };
  readonly policyTypes: readonly string[];
  readonly ingress: readonly { readonly from?: readonly PolicyPeer[]; readonly ports?: readonly { readonly port: number }[] }[];
  readonly egress: readonly { readonly to?: readonly PolicyPeer[]; readonly ports?: readonly { readonly port: number }[] }[];
}

function labelsOf(manifests: readonly Manifest[]): Labels {
  return find<Workload>(manifests, "Deployment").spec.template.metadata.labels;
}

function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value) && Object.keys(selector).length > 0;
}

function settingsText(manifests: readonly Manifest[]): string {
  return find(manifests, "ConfigMap", "holdfast-settings").data?.["holdfast.yaml"] ?? "";
}

/** As the router in the pod reads them: with the variables that it has, and no others. Throws ConfigProblem. */
function settingsOf(manifests: readonly Manifest[], { env, envFrom }: Container): Settings {
  const environment: Record<string, string> = {};
  for (const { configMapRef } of envFrom)
    Object.assign(
      environment,
      manifests.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMapRef.name)?.data,
    );
  for (const { name, value } of env) environment[name] = value ?? (name === "POD_IP" ? POD_IP : "a-key-of-enough-characters");
  return readSettings(knownSections(settingsText(manifests)), environment);
}

/** A reader that does not know of peers yet takes all the rest. */
function knownSections(text: string): string {
  try {
    readSettings("peers: { listen: 127.0.0.1:0 }", {});
    return text;
  } catch {
    return text.replace(/^peers:\n( .*\n)+/m, "");
  }
}

function graceProblems(pod: PodSpec, { stopGraceMs }: Settings): readonly string[] {
  const preStop = pod.containers[0]?.lifecycle.preStop.sleep.seconds ?? 0;
  const needed = preStop + stopGraceMs / 1_000 + AFTER_DRAIN_SECONDS;
  if (pod.terminationGracePeriodSeconds > needed) return [];
  return [`${pod.terminationGracePeriodSeconds} s of grace are not more than ${needed} s`];
}

function mebi(quantity = ""): number {
  const [, amount, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  assert.ok(amount !== undefined, quantity);
  return Number(amount) * (unit === "Gi" ? 1_024 : 1);
}

/** Kubernetes' "restricted" standard, as far as it is about what these pods use. */
function securityProblems(pod: PodSpec): readonly string[] {
  const problems: string[] = [];
  const refuse = (is: boolean, problem: string): void => {
    if (is) problems.push(problem);
  };
  refuse(pod.hostNetwork === true || pod.hostPID === true, "the machine's namespaces");
  refuse(pod.securityContext?.["runAsNonRoot"] !== true, "may be root");
  const { type } = (pod.securityContext?.["seccompProfile"] ?? {}) as { readonly type?: string };
  refuse(type !== "RuntimeDefault", "any system call");
  for (const { name, securityContext: own = {} } of pod.containers) {
    refuse(own["privileged"] === true, `${name} is privileged`);
    refuse(own["allowPrivilegeEscalation"] !== false, `${name} may gain privileges`);
    refuse(own["runAsUser"] === 0, `${name} is root`);
    const { drop = [], add = [] } = (own["capabilities"] ?? {}) as { readonly drop?: string[]; readonly add?: string[] };
    refuse(!drop.includes("ALL") || add.length > 0, `${name} has capabilities`);
  }
  return problems;
}
