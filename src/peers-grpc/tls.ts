/**
 * Mutual TLS. The authority is the cluster's own: whoever has a certificate that it signed is a node of the cluster, so the
 * names in certificates are not looked at (nodes come and go with addresses that nobody knows beforehand).
 */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";

/** Paths of PEM files. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Who signs the nodes' certificates; several in one file while one follows the other. */
  readonly authority: string;
}

export class Tls {
  readonly #files: TlsFiles;
  #channel: ChannelCredentials;
  #server: ServerCredentials;
  #pem: Pem;

  private constructor(files: TlsFiles, pem: Pem) {
    this.#files = files;
    this.#pem = pem;
    [this.#channel, this.#server] = credentialsOf(pem);
  }

  /** Throws where a file cannot be read, or certificate and key are no pair. */
  static async open(files: TlsFiles): Promise<Tls> {
    return new Tls(files, await readPem(files));
  }

  channelCredentials(): ChannelCredentials {
    return this.#channel;
  }

  serverCredentials(): ServerCredentials {
    return this.#server;
  }

  /** Reads the files again. New connections use what they hold now; true when that is something new. Throws as `open`, and keeps what it has. */
  async reload(): Promise<boolean> {
    const pem = await readPem(this.#files);
    if (pem.every((bytes, index) => bytes.equals(this.#pem[index] as Buffer))) return false;
    const [channel, server] = credentialsOf(pem);
    this.#pem = pem;
    this.#channel = channel;
    this.#server = server;
    return true;
  }
}

/** Certificate, key, authority. */
type Pem = readonly [Buffer, Buffer, Buffer];

function readPem(files: TlsFiles): Promise<Pem> {
  return Promise.all([readFile(files.certificate), readFile(files.key), readFile(files.authority)]);
}

function credentialsOf([certificate, key, authority]: Pem): [ChannelCredentials, ServerCredentials] {
  // Throws for what is no PEM and for a key of another certificate, which the server would find at the first connection only.
  createSecureContext({ ca: authority, cert: certificate, key });
  return [
    ChannelCredentials.createSsl(authority, key, certificate, { checkServerIdentity: () => undefined }),
    ServerCredentials.createSsl(authority, [{ private_key: key, cert_chain: certificate }], true),
  ];
}
