// The arrows of docs/ARCHITECTURE.md: core <- ports <- adapters; core, ports, protocol <- router;
// protocol/function <- sdk, client; router/main and router/composition -> every adapter. Checked by `npm run check`.
const ADAPTER = "^src/(journal-|directory-|snapshots-|files-|data-lock-|peers-|invoker/)";
module.exports = {
  forbidden: [
    { name: "no-cycle", severity: "error", from: { path: "^(src|test|examples)/" }, to: { circular: true } },
    {
      name: "core-imports-nothing",
      severity: "error",
      from: { path: "^src/core/", pathNot: "\\.test\\.ts$" },
      to: { pathNot: "^src/core/" },
    },
    {
      name: "core-tests-import-core-and-test-tools",
      severity: "error",
      from: { path: "^src/core/.*\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/core/" },
    },
    {
      name: "ports-import-only-core",
      severity: "error",
      from: { path: "^src/ports/", pathNot: "\\.test\\.ts$" },
      to: { pathNot: "^src/(core|ports)/" },
    },
    {
      name: "function-contract-knows-no-core",
      severity: "error",
      from: { path: "^src/protocol/function/" },
      to: { path: "^src/", pathNot: "^src/protocol/function/" },
    },
    {
      name: "record-knows-only-core",
      severity: "error",
      from: { path: "^src/protocol/record/" },
      to: { path: "^src/", pathNot: "^src/(core|protocol/record)/" },
    },
    {
      name: "peer-knows-only-core",
      severity: "error",
      from: { path: "^src/protocol/peer/" },
      to: { path: "^src/", pathNot: "^src/(core|protocol/peer)/" },
    },
    {
      name: "adapter-knows-no-other-adapter",
      severity: "error",
      from: { path: "^src/((?:journal|directory|snapshots|files|data-lock|peers)-[a-z0-9]+|invoker/[a-z-]+)" },
      to: { path: ADAPTER, pathNot: "^src/$1" },
    },
    // What the AWS adapters share: clients, failures. It names none of them.
    {
      name: "aws-imports-only-ports-and-core",
      severity: "error",
      from: { path: "^src/aws/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/(aws|ports|core)/" },
    },
    {
      name: "only-adapters-composition-and-cli-know-aws",
      severity: "error",
      from: { path: "^src/", pathNot: `^src/(aws|cli)/|^src/router/(main\\.ts$|composition/)|${ADAPTER}` },
      to: { path: "^src/aws/" },
    },
    {
      name: "adapter-knows-no-router",
      severity: "error",
      from: { path: ADAPTER },
      to: { path: "^src/(router|sdk|client|testing|cli)/" },
    },
    {
      name: "sdk-and-client-know-only-the-contract",
      severity: "error",
      from: { path: "^src/(sdk|client)/" },
      to: { path: "^src/", pathNot: "^src/(sdk|client|protocol/function)/" },
    },
    {
      name: "only-main-and-composition-name-adapters",
      severity: "error",
      from: { path: "^src/router/", pathNot: "^src/router/(main|composition/.*|.*\\.test)\\.ts$" },
      to: { path: ADAPTER },
    },
    {
      name: "only-main-imports-composition",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/router/(main\\.ts$|composition/)|^src/cli/" },
      to: { path: "^src/router/composition/" },
    },
    { name: "src-knows-no-test", severity: "error", from: { path: "^src/" }, to: { path: "^test/" } },
    // The package imports itself by name in examples; the compiler proves that those resolve, before anything is built.
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true, pathNot: "^holdfast(/|$)" } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
  },
};
