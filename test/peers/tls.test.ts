/** Mutual TLS between nodes. The certificates are made with the openssl program, where there is one. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFile, writeFile } from "node:fs/promises";
import { afterEach, test } from "node:test";
import { type GrpcPeerOptions, openGrpcPeers } from "../../src/peers-grpc/grpc-peers.js";
import { TLS_RELOAD_MS } from "../../src/peers-grpc/limits.js";
import type { PeerNotice } from "../../src/peers-grpc/notices.js";
import type { TlsFiles } from "../../src/peers-grpc/tls.js";
import type { PeerPort } from "../../src/ports/peers.js";
import { systemClock, systemEntropy } from "../../src/router/system-clock.js";
import { temporaryFolder } from "../contract/temporary-folder.js";
import { numbered, Recorder, until } from "./test-node.js";

const skip = spawnSync("openssl", ["version"]).status === 0 ? false : "there is no openssl here";

/** An authority, and a node's certificate that it signed. */
function makeCertificates(folder: string, name: string): TlsFiles {
  const path = (file: string) => `${folder}/${name}-${file}.pem`;
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const authority = { certificate: path("authority"), key: path("authority-key") };
  openssl("req", "-x509", ...key, "-keyout", authority.key, "-out", authority.certificate, "-days", "2", "-subj", `/CN=${name}`);
  openssl("req", ...key, "-keyout", path("key"), "-out", path("request"), "-subj", "/CN=holdfast-node");
  const signedBy = ["-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial"];
  openssl("x509", "-req", "-in", path("request"), ...signedBy, "-out", path("certificate"), "-days", "2");
  return { certificate: path("certificate"), key: path("key"), authority: authority.certificate };
}

interface Listened {
  readonly port: PeerPort;
  readonly recorder: Recorder;
  readonly notices: PeerNotice[];
}

/** A test that fails must not keep its process alive. */
const opened: PeerPort[] = [];
afterEach(() => Promise.all(opened.splice(0).map((port) => port.close())));

async function listen(tls: TlsFiles | null, clock: GrpcPeerOptions["clock"] = systemClock): Promise<Listened> {
  const recorder = new Recorder();
  const notices: PeerNotice[] = [];
  const options = { cluster: "test", host: "127.0.0.1", port: 0, tls, clock, entropy: systemEntropy };
  const port = await openGrpcPeers({ ...options, tell: (notice) => notices.push(notice) }, recorder);
  opened.push(port);
  return { port, recorder, notices };
}

async function arrives(from: Listened, to: Listened): Promise<void> {
  const { length } = to.recorder.events;
  from.port.send(to.port.address, numbered(1, 100_000));
  await until("it arrives", () => to.recorder.events.length > length);
  assert.equal(to.recorder.events.at(-1)?.kind, "received");
}

async function isRefused(from: Listened, to: Listened): Promise<void> {
  const { length } = to.recorder.events;
  from.port.send(to.port.address, numbered(1));
  await until("it is lost", () => from.recorder.events.at(-1)?.kind === "lost");
  assert.equal(to.recorder.events.length, length);
}

test("nodes whose certificates one authority signed talk; those of another authority, or without, are refused both ways", {
  skip,
}, async () => {
  const folder = await temporaryFolder();
  const tls = makeCertificates(folder.path, "ours");
  const theirs = makeCertificates(folder.path, "theirs");
  const [a, b] = [await listen(tls), await listen(tls)];
  await arrives(a, b);
  await arrives(b, a);
  const strangers = [
    await listen(theirs),
    // Trusts us, but has a certificate that we do not trust; and the other way round.
    await listen({ ...theirs, authority: tls.authority }),
    await listen({ ...tls, authority: theirs.authority }),
    await listen(null),
  ];
  for (const stranger of strangers) {
    await isRefused(stranger, a);
    await isRefused(a, stranger);
    a.recorder.events.length = 0;
  }
  assert.ok(a.notices.some(({ message }) => /no certificate that the authority has signed/.test(message)));
  await arrives(a, b);
  await Promise.all([a, b, ...strangers].map(({ port }) => port.close()));
  await folder.remove();
});

test("certificates that are renewed are used for new connections; what is no certificate is told, and the old one stays", {
  skip,
}, async () => {
  const folder = await temporaryFolder();
  const [first, second] = [makeCertificates(folder.path, "first"), makeCertificates(folder.path, "second")];
  const current = {
    certificate: `${folder.path}/certificate.pem`,
    key: `${folder.path}/key.pem`,
    authority: `${folder.path}/authority.pem`,
  };
  const put = async (files: TlsFiles) => {
    for (const file of ["certificate", "key", "authority"] as const) await copyFile(files[file], current[file]);
  };
  await put(first);
  let reload: () => void = () => undefined;
  const clock: GrpcPeerOptions["clock"] = {
    ...systemClock,
    after: (ms, wake) => {
      if (ms !== TLS_RELOAD_MS) return systemClock.after(ms, wake);
      reload = wake;
      return () => undefined;
    },
  };
  const a = await listen(current, clock);
  const [old, renewed] = [await listen(first), await listen(second)];
  await arrives(old, a);
  await writeFile(current.key, "no key");
  reload();
  await until("it is told", () => /the certificates stay as they are/.test(a.notices.at(-1)?.message ?? ""));
  await put(second);
  reload();
  await until("it is told", () => /new certificates/.test(a.notices.at(-1)?.message ?? ""));
  await arrives(renewed, a);
  await arrives(a, renewed);
  await arrives(old, a);
  const late = await listen(first);
  await isRefused(late, a);
  await Promise.all([a, old, renewed, late].map(({ port }) => port.close()));
  await folder.remove();
});

test("certificates that cannot be read, or a key of another one, end the start", { skip }, async () => {
  const folder = await temporaryFolder();
  const [one, other] = [makeCertificates(folder.path, "one"), makeCertificates(folder.path, "other")];
  await assert.rejects(listen({ ...one, key: other.key }), /key values mismatch/);
  await assert.rejects(listen({ ...one, authority: `${folder.path}/none.pem` }), { code: "ENOENT" });
  await folder.remove();
});
