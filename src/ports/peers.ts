/**
 * Links to the other nodes of a cluster: frames of bytes that mean nothing here, from one router to another, by address.
 *
 * Contract (test/contract/peers.contract.ts). The frames between two nodes form conversations, one after the other:
 * - In a conversation the frames of each direction arrive in the order sent, each at most once, and without a gap but at
 *   the end: what arrives is a beginning of what was sent.
 * - `lost` ends a conversation at one end. A frame sent before an end's `lost` never arrives behind the other end's, and
 *   a frame sent behind it never arrives before: both ends forget, and both begin anew. Each conversation in which a frame
 *   was received, or one that was sent may not have arrived, ends with exactly one `lost` at each end that still lives.
 * - A conversation ends for both directions at once: when the link breaks in either, when one process is replaced by
 *   another at its address, when more is queued than there is room for, when an end forgets the other. The end where it
 *   happened hears of it in the same turn of the event loop or soon after; the other within about three seconds, and
 *   always before the next conversation's first frame.
 * - `send` never calls the listener, and never waits. Nothing is sent again: what to do about a loss is for the core.
 */
export interface PeerPort {
  /** Where others reach this node: `host:port`. Also the name that the others know it by. */
  readonly address: string;
  /**
   * The frame belongs to the port from now on and must not change. Longer than `FRAME_BYTES_MAX`, or to this node itself:
   * a RangeError. To an address that nobody answers at, `lost` comes; from then on it is tried again and again, at a
   * bounded rate, until it is forgotten.
   */
  send(address: string, frame: Uint8Array): void;
  /** No more frames to it: the conversation ends when what is queued is out. The other end may begin a new one. */
  forget(address: string): void;
  /** Lets go what is queued, for a moment at most, and ends every link. The listener hears nothing more once it is called. */
  close(): Promise<void>;
}

/** Called from the event loop, one call at a time. Must not throw. */
export interface PeerListener {
  /** While this runs nothing more is read: a slow listener slows its senders. Keep a copy, a view keeps its neighbours. */
  received(from: string, frame: Uint8Array): void;
  lost(address: string): void;
}

/** The largest entry and some room for what the core says about it. Whoever waits behind such a frame waits for all of it. */
export const FRAME_BYTES_MAX = 33 * 1024 * 1024;
