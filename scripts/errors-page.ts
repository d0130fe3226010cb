/** Writes docs/errors.md from the table of problems: `npm run build && node dist/scripts/errors-page.js`. */
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { ANSWER_PROBLEMS } from "../src/router/ingress/answer-problem-table.js";
import { AWS_PROBLEMS } from "../src/router/ingress/aws-problem-table.js";
import {
  ADMIN_PROBLEMS,
  COMMAND_LINE_PROBLEMS,
  type ProblemEntry,
  REQUEST_PROBLEMS,
  START_PROBLEMS,
  STORAGE_PROBLEMS,
} from "../src/router/ingress/problem-table.js";

const INTRODUCTION = `# Errors

Every refusal and failure has a stable code. Over HTTP it comes as a problem document (RFC 9457, \`application/problem+json\`):
\`type\` links to an explanation (\`GET /$errors/{code}\` on the same router), \`code\` is for programs, \`detail\` for people,
\`retryable\` says whether the same request can succeed later, and the header \`holdfast-error-source\` whether the router
or the function speaks. Requests that are answered with 429 or 503 carry \`Retry-After\`.

Whether a retry is _safe_ is another question: with an \`Idempotency-Key\` it always is.

This page is written from \`src/router/ingress/problem-table.ts\` and its neighbour by \`scripts/errors-page.ts\`.
`;

const GROUPS: readonly (readonly [title: string, problems: Readonly<Record<string, ProblemEntry>>])[] = [
  ["Requests to entities", REQUEST_PROBLEMS],
  ["The admin API", ADMIN_PROBLEMS],
  ["Answers of functions", ANSWER_PROBLEMS],
  ["Starting a router", START_PROBLEMS],
  ["Storage", STORAGE_PROBLEMS],
  ["AWS", AWS_PROBLEMS],
  ["The command line", COMMAND_LINE_PROBLEMS],
];

export function errorsPage(): string {
  const parts = [INTRODUCTION];
  for (const [title, problems] of GROUPS) {
    parts.push(`## ${title}\n`);
    for (const [code, entry] of Object.entries(problems)) parts.push(section(code, entry));
  }
  return parts.join("\n");
}

function section(code: string, entry: ProblemEntry): string {
  const facts = [`for the ${entry.actor}`, entry.isRetryable ? "retry can help" : "a retry alone does not help"];
  if (entry.status !== null) facts.unshift(`HTTP ${entry.status}`);
  return `### ${code}\n\n**${entry.title}** (${facts.join("; ")}). ${entry.meaning}\n_What to do:_ ${entry.remedy}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeFileSync("docs/errors.md", errorsPage());
