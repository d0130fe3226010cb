// One keep-alive connection over a raw socket with at most one request on its way: pre-built bytes out, status and
// body length in. It reads only as much HTTP as a load generator needs, and ends the run when the server hangs up.
import { connect } from "node:net";

export class HttpConnection {
  #socket;
  #onResponse;
  #pending = "";
  #userData = null;

  /** `onResponse(connection, status, body, userData)`; the connection is free again when it is called. */
  constructor(port, onResponse) {
    this.#onResponse = onResponse;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (error) => fail(`connection: ${error.message}`));
    this.#socket.on("close", () => fail("the server closed a connection"));
  }

  send(request, userData = null) {
    this.#userData = userData;
    this.#socket.write(request);
  }

  #read(chunk) {
    const text = this.#pending === "" ? chunk.latin1Slice() : this.#pending + chunk.latin1Slice();
    const headEnd = text.indexOf("\r\n\r\n");
    const bodyEnd = headEnd < 0 ? -1 : endOfBody(text, headEnd);
    if (bodyEnd < 0 || bodyEnd > text.length) {
      this.#pending = text;
      return;
    }
    if (bodyEnd < text.length) fail("more bytes than one response");
    this.#pending = "";
    this.#onResponse(this, Number(text.slice(9, 12)), text.slice(headEnd + 4), this.#userData);
  }
}

const LENGTH = /\r\ncontent-length: *(\d+)/i;

/** Where the response ends, or -1 while that is not known. */
function endOfBody(text, headEnd) {
  const head = text.slice(0, headEnd);
  const length = LENGTH.exec(head);
  if (length !== null) return headEnd + 4 + Number(length[1]);
  if (head.startsWith("HTTP/1.1 204")) return headEnd + 4;
  return text.endsWith("\r\n0\r\n\r\n") ? text.length : -1;
}

export function requestBytes(port, path, body) {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const PREBUILT_MAX = 20_000;

/** The request of a key: built beforehand, except where that would be too many to hold. */
export function requestsByKey(keys, build) {
  if (keys > PREBUILT_MAX) return build;
  const requests = Array.from({ length: keys }, (_, key) => build(key));
  return (key) => requests[key];
}

export function fail(message) {
  console.error(message);
  process.exit(1);
}
