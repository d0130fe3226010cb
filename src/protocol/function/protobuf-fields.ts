/**
 * Reads protobuf fields from bytes that come from outside: lengths are checked against the message they lie in, numbers are
 * whole and safe, texts are UTF-8, payloads are JSON. Unknown fields are stepped over; groups, which nobody writes any more
 * and which nest without a limit, are refused.
 */
import protobuf from "protobufjs/minimal.js";
import { ShapeProblem } from "./answer-problem.js";
import type { Payload } from "./contract.js";
import { messageText, NAME_BYTES_MAX } from "./json-fields.js";
import { jsonProblem } from "./json-scanner.js";
import { decodeText, internedText } from "./text.js";

export type Reader = protobuf.Reader;

/** The bytes are no message of this kind. Never leaves this folder's decoders. */
export class ProtobufSyntax extends Error {
  override readonly name = "ProtobufSyntax";
}

export function readerOf(bytes: Uint8Array): Reader {
  return protobuf.Reader.create(bytes);
}

/** Calls `onField` with each field's tag (number times 8 plus wire type) until `end`; false means: not known, step over it. */
export function readFields(reader: Reader, end: number, onField: (tag: number) => boolean): void {
  while (reader.pos < end) {
    const tag = readWhole(reader);
    if (tag < 8 || tag > 0xffffffff) throw new ProtobufSyntax(`no field at byte ${reader.pos}`);
    if (!onField(tag)) skipField(reader, tag & 7);
  }
  if (reader.pos !== end) throw new ProtobufSyntax(`a field reaches beyond its message at byte ${reader.pos}`);
}

/** Where the message ends whose length is next. */
export function readMessageEnd(reader: Reader): number {
  const length = readWhole(reader);
  if (length > reader.len - reader.pos) throw new ProtobufSyntax(`a length of ${length} reaches beyond the end`);
  return reader.pos + length;
}

export function readWhole(reader: Reader): number {
  let value = 0;
  let scale = 1;
  for (let index = 0; index < 8; index++) {
    if (reader.pos >= reader.len) throw new ProtobufSyntax("the message ends too early");
    const byte = reader.buf[reader.pos++] as number;
    value += (byte & 0x7f) * scale;
    if (byte >= 0x80) scale *= 128;
    else if (Number.isSafeInteger(value)) return value;
    else break;
  }
  throw new ProtobufSyntax("a number is negative or beyond 2^53");
}

/** A view, not a copy. */
export function readBytes(reader: Reader): Uint8Array {
  const end = readMessageEnd(reader);
  const bytes = reader.buf.subarray(reader.pos, end);
  reader.pos = end;
  return bytes;
}

/** A view, not a copy. */
export function readPayload(reader: Reader, what: string): Payload {
  const bytes = readBytes(reader);
  if (bytes.length === 0) return bytes;
  const problem = jsonProblem(bytes);
  if (problem !== null) throw new ShapeProblem(`'${what}' is no JSON: ${problem.message}, at byte ${problem.offset}`);
  return bytes;
}

export function readName(reader: Reader, what: string): string {
  const bytes = readBytes(reader);
  if (bytes.length > NAME_BYTES_MAX) throw new ShapeProblem(`'${what}' is longer than ${NAME_BYTES_MAX} bytes`);
  return utf8(what, () => internedText(bytes, 0, bytes.length));
}

export function readMessage(reader: Reader, what: string): string {
  const bytes = readBytes(reader);
  return messageText(utf8(what, () => decodeText(bytes, 0, bytes.length)));
}

function utf8(what: string, decode: () => string): string {
  try {
    return decode();
  } catch {
    throw new ShapeProblem(`'${what}' is not UTF-8`);
  }
}

function skipField(reader: Reader, wireType: number): void {
  if (wireType === 0) skipVarint(reader);
  else if (wireType === 2) reader.pos = readMessageEnd(reader);
  else if (wireType === 1) skipBytes(reader, 8);
  else if (wireType === 5) skipBytes(reader, 4);
  else throw new ProtobufSyntax(`wire type ${wireType} at byte ${reader.pos}`);
}

/** Of any size: an unknown field may hold a negative number. */
function skipVarint(reader: Reader): void {
  for (let index = 0; index < 10; index++) {
    if (reader.pos >= reader.len) throw new ProtobufSyntax("the message ends too early");
    if ((reader.buf[reader.pos++] as number) < 0x80) return;
  }
  throw new ProtobufSyntax("a varint is longer than 10 bytes");
}

function skipBytes(reader: Reader, length: number): void {
  if (length > reader.len - reader.pos) throw new ProtobufSyntax("the message ends too early");
  reader.pos += length;
}
