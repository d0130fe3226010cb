/**
 * Cells: the state of an entity. One unnamed cell today; the name behind the prefix is room for more.
 *
 * Bound: one cell an entity, state up to the type's `stateBytesMax`. Expiry: the state's time-to-live.
 * A *partial* cell knows the version but not the folded state, which an older cell holds: replay of an event-sourced
 * entity writes it, because events are in the log and folded states are not. `mergeCells` joins the two.
 */
import { ByteReader, MalformedBytes } from "../../bytes/byte-reader.js";
import { ByteWriter } from "../../bytes/byte-writer.js";
import type { Payload } from "../../entity/command.js";
import { CELL_SPACE, type EntityPrefix, entityKeyView } from "./key-space.js";

export interface Cell {
  /** The entity's version: how many changes it has seen. */
  readonly version: number;
  readonly stateVersion: number;
  /** 0: never. */
  readonly expiresAtMs: number;
  /** The version that `state` is the fold of. Below `version`, the events between are in the history. */
  readonly foldedVersion: number;
  /** Null: none, or deleted. */
  readonly state: Payload | null;
  /** The version at which `state` of an older cell may be used at all; events at or below are part of no state. */
  readonly isPartial: boolean;
}

export const UNTOUCHED: Cell = { version: 0, stateVersion: 0, expiresAtMs: 0, foldedVersion: 0, state: null, isPartial: false };

const HAS_STATE = 1;
const IS_PARTIAL = 2;
const scratch = new ByteWriter(4096);

/** A view that the next key of an entity overwrites. */
export function cellKey(prefix: EntityPrefix): Uint8Array {
  return entityKeyView(CELL_SPACE, prefix);
}

/** The encoded cell, as a view that the next call overwrites: the store copies it. */
export function encodeCell(cell: Cell): Uint8Array {
  scratch.clear();
  scratch.u8((cell.state !== null ? HAS_STATE : 0) | (cell.isPartial ? IS_PARTIAL : 0));
  scratch.varint(cell.version);
  scratch.varint(cell.stateVersion);
  scratch.varint(cell.expiresAtMs);
  scratch.varint(cell.foldedVersion);
  if (cell.state !== null) scratch.raw(cell.state);
  return scratch.view();
}

/** Decodes a cell; `state` is a view into `value`. */
export function decodeCell(value: Uint8Array): Cell {
  const reader = new ByteReader(value);
  const flags = reader.u8();
  if (flags > (HAS_STATE | IS_PARTIAL)) throw new MalformedBytes(`a cell with unknown flags ${flags}`);
  const version = reader.varint();
  const stateVersion = reader.varint();
  const expiresAtMs = reader.varint();
  const foldedVersion = reader.varint();
  const state = flags & HAS_STATE ? value.subarray(reader.offset) : null;
  return { version, stateVersion, expiresAtMs, foldedVersion, state, isPartial: (flags & IS_PARTIAL) !== 0 };
}

/** The newer, partial cell with the folded state of the older one. Injected into the store for partial values. */
export function mergeCells(newer: Uint8Array, older: Uint8Array): Uint8Array {
  const head = decodeCell(newer);
  if (!head.isPartial) return newer;
  const base = decodeCell(older);
  return encodeCell({
    ...head,
    stateVersion: base.stateVersion,
    foldedVersion: base.foldedVersion,
    state: base.state,
    isPartial: base.isPartial,
  }).slice();
}
