/** The binary framing of streamed answers (application/vnd.amazon.eventstream), as far as InvokeWithResponseStream has it. */
import { crc32 } from "node:zlib";

const TYPE_STRING = 7;

export function payloadChunk(bytes: Uint8Array): Buffer {
  return message("PayloadChunk", "application/octet-stream", bytes);
}

/** Empty texts: it went well. */
export function invokeComplete(errorCode: string, errorDetails: string): Buffer {
  const body = errorCode === "" ? {} : { ErrorCode: errorCode, ErrorDetails: errorDetails };
  return message("InvokeComplete", "application/json", Buffer.from(JSON.stringify(body)));
}

/** Lengths and the checksum of both, the headers, the payload, the checksum of all. */
function message(event: string, contentType: string, payload: Uint8Array): Buffer {
  const headers = Buffer.concat([
    header(":message-type", "event"),
    header(":event-type", event),
    header(":content-type", contentType),
  ]);
  const total = 12 + headers.length + payload.length + 4;
  const bytes = Buffer.alloc(total);
  bytes.writeUInt32BE(total, 0);
  bytes.writeUInt32BE(headers.length, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  headers.copy(bytes, 12);
  bytes.set(payload, 12 + headers.length);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, total - 4)), total - 4);
  return bytes;
}

function header(name: string, value: string): Buffer {
  const bytes = Buffer.alloc(1 + name.length + 3 + value.length);
  bytes[0] = name.length;
  bytes.write(name, 1, "latin1");
  bytes[1 + name.length] = TYPE_STRING;
  bytes.writeUInt16BE(value.length, 2 + name.length);
  bytes.write(value, 4 + name.length, "latin1");
  return bytes;
}
