// Starts and ends the processes under measurement, and reads what they cost. Nothing outlives the benchmark.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

const STDERR_KEPT = 4000;
const alive = new Set();

process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

/**
 * Starts a program and waits until it prints a line `ready {json}` or, with `isReady`, until that resolves to true.
 * Rejects with what it wrote last when it ends before, or is not ready within `readyMs`.
 */
export async function startProcess(command, args, { env = {}, cwd, isReady, readyMs = 30_000 } = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ["ignore", "pipe", "pipe"] });
  alive.add(child);
  let written = "";
  let ready = null;
  const listen = (stream) => {
    stream.setEncoding("utf8");
    stream.on("data", (text) => {
      written = (written + text).slice(-STDERR_KEPT);
      const line = /^ready (\{.*\})$/m.exec(written);
      if (line !== null) ready = JSON.parse(line[1]);
    });
  };
  listen(child.stdout);
  listen(child.stderr);
  let problem = null;
  const ended = new Promise((resolve) => {
    child.once("error", (error) => {
      problem = error.message;
      alive.delete(child);
      resolve();
    });
    child.once("exit", (code, signal) => {
      problem = `ended with ${signal ?? code}`;
      alive.delete(child);
      resolve();
    });
  });
  const since = performance.now();
  for (;;) {
    if (problem !== null) throw new Error(`${command} ${args[0] ?? ""}: ${problem}\n${written}`);
    if (isReady === undefined ? ready !== null : await isReady()) break;
    if (performance.now() - since > readyMs) {
      child.kill("SIGKILL");
      throw new Error(`${command} ${args[0] ?? ""}: not ready after ${readyMs} ms\n${written}`);
    }
    await sleep(10);
  }
  const end = async (signal, graceMs) => {
    if (problem !== null) return;
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), graceMs);
    await ended;
    clearTimeout(late);
  };
  return {
    pid: child.pid,
    ready,
    readyAfterMs: performance.now() - since,
    lastWords: () => written,
    isAlive: () => problem === null,
    stop: () => end("SIGTERM", 10_000),
    kill: () => end("SIGKILL", 10_000),
  };
}

/** Runs a program to its end and resolves with what it wrote to stdout. */
export function runProcess(command, args, { env = {}, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ["ignore", "pipe", "pipe"] });
    alive.add(child);
    const out = [];
    const err = [];
    child.stdout.on("data", (chunk) => out.push(chunk));
    child.stderr.on("data", (chunk) => err.push(chunk));
    child.once("error", (error) => {
      alive.delete(child);
      reject(error);
    });
    child.once("close", (code, signal) => {
      alive.delete(child);
      const text = Buffer.concat(out).toString();
      if (code === 0) resolve(text);
      else reject(new Error(`${command} ended with ${signal ?? code}\n${text}${Buffer.concat(err)}`.slice(0, STDERR_KEPT)));
    });
  });
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const TICKS_PER_SECOND = 100;

/** Processor time of a process so far, all threads, in milliseconds; null where the system does not tell. */
export function cpuMs(pid) {
  const stat = readProc(pid, "stat");
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Resident memory in bytes, now and at its highest; null where the system does not tell. */
export function residentBytes(pid) {
  const status = readProc(pid, "status");
  if (status === null) return null;
  const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  return { now: kilobytes("VmRSS"), highest: kilobytes("VmHWM") };
}

function readProc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return null;
    throw error;
  }
}
