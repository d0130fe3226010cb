/** What goes in and out of the fake, free of HTTP. */
export interface S3Request {
  readonly method: string;
  readonly bucket: string;
  /** Empty for requests that concern the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Uint8Array;
}

/** An answer that says no, with S3's own status and code. */
export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function emptyAnswer(status: number, headers: Record<string, string> = {}): S3Answer {
  return { status, headers, body: new Uint8Array(0) };
}

export function xmlAnswer(xml: string): S3Answer {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${xml}`);
  return { status: 200, headers: { "content-type": "application/xml" }, body };
}

/** Text as it stands in XML. */
export function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The contents of all elements of that name, in order. Enough for what the client sends: it never nests a name in itself. */
export function elements(xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^]*?)</${name}>`, "g"))].map((match) => match[1] ?? "");
}

/** The text of the first element of that name, or null. */
export function element(xml: string, name: string): string | null {
  const found = elements(xml, name)[0];
  if (found === undefined) return null;
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return found.replace(/&(?:#x([0-9a-f]+)|#([0-9]+)|([a-z]+));/gi, (_, hex: string, decimal: string, name: string) => {
    if (name !== undefined) return named[name] ?? "";
    return String.fromCodePoint(hex === undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hex, 16));
  });
}
