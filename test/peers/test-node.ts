/** A node as the tests see it, in this process or in another one. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { PeerListener, PeerPort } from "../../src/ports/peers.js";

export type PeerEvent =
  | { readonly kind: "received"; readonly from: string; readonly frame: Uint8Array }
  | { readonly kind: "lost"; readonly address: string };

export interface TestNode {
  readonly address: string;
  /** Everything it was told, in order. */
  readonly events: PeerEvent[];
  send(to: string, frame: Uint8Array): void;
  forget(to: string): void;
  close(): Promise<void>;
  /** Ends it as SIGKILL does; resolves when it is gone. */
  kill(): Promise<void>;
}

export class Recorder implements PeerListener {
  readonly events: PeerEvent[] = [];

  received(from: string, frame: Uint8Array): void {
    this.events.push({ kind: "received", from, frame });
  }

  lost(address: string): void {
    this.events.push({ kind: "lost", address });
  }
}

export function localNode(port: PeerPort, recorder: Recorder, kill: () => Promise<void>): TestNode {
  return {
    address: port.address,
    events: recorder.events,
    send: (to, frame) => port.send(to, frame),
    forget: (to) => port.forget(to),
    close: () => port.close(),
    kill,
  };
}

export async function until(what: string, holds: () => boolean, ms = 15_000): Promise<void> {
  const end = performance.now() + ms;
  while (!holds()) {
    assert.ok(performance.now() < end, `in vain: ${what}`);
    await delay(5);
  }
}

export const receivedOf = (node: TestNode): Uint8Array[] =>
  node.events.flatMap((event) => (event.kind === "received" ? [event.frame] : []));
export const lostOf = (node: TestNode): number => node.events.filter((event) => event.kind === "lost").length;

/** A frame with a number, of a size. */
export function numbered(number: number, length = 8): Uint8Array {
  const frame = new Uint8Array(Math.max(length, 4)).fill(number % 251);
  new DataView(frame.buffer).setUint32(0, number);
  return frame;
}

export function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, frame.length).getUint32(0);
}

/** The numbers received, conversation by conversation. */
export function conversations(node: TestNode): number[][] {
  const runs: number[][] = [[]];
  for (const event of node.events) {
    if (event.kind === "lost") runs.push([]);
    else runs.at(-1)?.push(numberOf(event.frame));
  }
  return runs;
}
