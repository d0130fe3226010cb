/** What has to be changed of a synthesized stack so that MiniStack takes it, and nothing beyond. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACCOUNT, type Ministack, REGION } from "./ministack.js";

export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
  DependsOn?: string | string[];
}

export interface Template {
  readonly Resources: Record<string, TemplateResource>;
}

/** Types that MiniStack 1.5 refuses ("Unrecognized resource types"): network, and autoscaling. */
const REFUSED_TYPES = new Set([
  "AWS::ApplicationAutoScaling::ScalableTarget",
  "AWS::ApplicationAutoScaling::ScalingPolicy",
  "AWS::EC2::EIP",
  "AWS::EC2::FlowLog",
  "AWS::EC2::NatGateway",
  "AWS::EC2::SecurityGroupEgress",
  "AWS::EC2::SecurityGroupIngress",
]);

/** Takes out what is refused, and what names it (routes through a NAT gateway). Gives what is missing, by type. */
export function withoutRefused(template: Template): readonly string[] {
  const { Resources } = template;
  const gone = new Set(Object.keys(Resources).filter((name) => REFUSED_TYPES.has(Resources[name]?.Type ?? "")));
  const mentions = (value: unknown): boolean => {
    if (typeof value !== "object" || value === null) return false;
    const { Ref, "Fn::GetAtt": attribute } = value as Readonly<Record<string, unknown>>;
    if (typeof Ref === "string" && gone.has(Ref)) return true;
    return (Array.isArray(attribute) && gone.has(attribute[0])) || Object.values(value).some(mentions);
  };
  for (const [name, { Properties }] of Object.entries(Resources)) if (mentions(Properties)) gone.add(name);
  const missing = [...gone].map((name) => Resources[name]?.Type ?? "").sort();
  for (const name of gone) delete Resources[name];
  for (const resource of Object.values(Resources)) {
    if (resource.DependsOn !== undefined) resource.DependsOn = [resource.DependsOn].flat().filter((name) => !gone.has(name));
  }
  return missing;
}

/** Alarms on an expression over several metrics, which MiniStack refuses, watch the first of them there. Gives their number. */
export function withoutMetricMath({ Resources }: Template): number {
  let changed = 0;
  for (const { Type, Properties } of Object.values(Resources)) {
    if (Type !== "AWS::CloudWatch::Alarm" || Properties?.["Metrics"] === undefined) continue;
    const metrics = Properties["Metrics"] as readonly { readonly MetricStat?: MetricStat }[];
    const stat = metrics.flatMap(({ MetricStat }) => MetricStat ?? [])[0];
    if (stat === undefined) continue;
    delete Properties["Metrics"];
    Object.assign(Properties, stat.Metric, { Period: stat.Period, Statistic: stat.Stat });
    changed++;
  }
  return changed;
}

interface MetricStat {
  readonly Metric: Readonly<Record<string, unknown>>;
  readonly Period: number;
  readonly Stat: string;
}

interface AssetManifest {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: { readonly path: string; readonly packaging: "file" | "zip" };
        readonly destinations: Readonly<Record<string, { readonly bucketName: string; readonly objectKey: string }>>;
      }
    >
  >;
}

/** What `cdk bootstrap` and `cdk deploy` do for the files of a stack: Lambda code, and the template itself. Gives its URL. */
export async function publish(ministack: Ministack, outdir: string, stackName: string, template: Template): Promise<string> {
  await ministack.json("ssm", "AmazonSSM.PutParameter", {
    Name: "/cdk-bootstrap/hnb659fds/version",
    Value: "30",
    Type: "String",
    Overwrite: true,
  });
  const bucket = `cdk-hnb659fds-assets-${ACCOUNT}-${REGION}`;
  await ministack.makeBucket(bucket);
  const manifest: AssetManifest = JSON.parse(readFileSync(join(outdir, `${stackName}.assets.json`), "utf8"));
  for (const { source, destinations } of Object.values(manifest.files)) {
    if (source.packaging !== "zip") continue;
    const body = zipped(join(outdir, source.path));
    for (const { objectKey } of Object.values(destinations)) await ministack.putObject(bucket, objectKey, body);
  }
  return ministack.putObject(bucket, "template.json", JSON.stringify(template));
}

/** Python's own archiver: Node has none. */
function zipped(folder: string): Uint8Array {
  const place = mkdtempSync(join(tmpdir(), "holdfast-asset-"));
  try {
    cpSync(folder, join(place, "code"), { recursive: true });
    const program = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
    execFileSync("python3", ["-c", program, join(place, "code"), join(place, "code")]);
    return readFileSync(join(place, "code.zip"));
  } finally {
    rmSync(place, { recursive: true });
  }
}
