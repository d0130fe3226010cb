/** Reads a journal file from front to back: its records, how far it is proven to have been synced, and where it ends. */
import { StorageProblem } from "../ports/storage-problem.js";
import { decodeFileHeader, type FileHeader } from "./file-header.js";
import { FRAME_MARKER, type Frame, frameSeed, readFrame } from "./frame.js";

export interface ScannedFile {
  readonly header: FileHeader;
  /** In the order of the file. */
  readonly records: readonly Frame[];
  /** Everything below was synced before something that is in the file was written. A frame ends here. */
  readonly provenEnd: number;
  /** Behind the last valid frame; bytes beyond belong to an unsynced write that was torn. */
  readonly validEnd: number;
}

/**
 * `end` is where the file's successor says that it ends, or null for the last file of a log: only that one can have a
 * torn tail. Throws StorageProblem (`journal_damaged`, `format_newer`).
 */
export function scanFile(
  bytes: Buffer,
  path: string,
  expected: { log: string; number: number },
  end: number | null,
): ScannedFile {
  const header = decodeFileHeader(bytes, path, expected);
  const seed = frameSeed(header.salt);
  const readable = end === null ? bytes : bytes.subarray(0, end);
  const records: Frame[] = [];
  let provenEnd = header.initialEnd;
  let at = header.length;
  for (let frame: Frame | null; (frame = readFrame(readable, at, 0, seed)) !== null; at = frame.end) {
    if (frame.kind === "record") records.push(frame);
    provenEnd = Math.max(provenEnd, frame.syncedBelow);
  }
  if (end !== null) {
    if (at !== end) throw damage(path, at, records, `the file must go on to offset ${end}`);
    provenEnd = end;
  } else if (at < header.initialEnd || isProvenBehind(bytes, at, seed)) {
    throw damage(path, at, records, "it had been synced");
  }
  return { header, records, provenEnd, validEnd: at };
}

/** Whether a valid frame behind `broken` says that `broken` was synced before it was written. */
function isProvenBehind(bytes: Buffer, broken: number, seed: number): boolean {
  for (let at = bytes.indexOf(FRAME_MARKER, broken + 1); at >= 0; at = bytes.indexOf(FRAME_MARKER, at + 1)) {
    const frame = readFrame(bytes, at, 0, seed);
    if (frame !== null && frame.syncedBelow > broken) return true;
  }
  return false;
}

function damage(path: string, offset: number, records: readonly Frame[], why: string): StorageProblem {
  const last = records.at(-1);
  const where = last === undefined ? "the file's first record" : `the record behind position ${last.position}`;
  return new StorageProblem(
    "journal_damaged",
    path,
    `${path}: damaged at offset ${offset}, ${where}: what is there is not a valid record, but ${why}.`,
  );
}
