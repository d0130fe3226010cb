/** The limits of the HTTP servers, each with its reason. Those in `IngressLimits` can be set; the others are fixed. */

export interface IngressLimits {
  /** One command's input, in bytes. */
  readonly bodyBytesMax: number;
  /** How long a call may take unless the client says otherwise. */
  readonly deadlineMs: number;
  /** Request bodies held at the same time, from their first byte to their answer. */
  readonly bodyBytesTotalMax: number;
  /** Requests between their headers and their answer. */
  readonly requestsMax: number;
  /** Open connections; further ones are closed at once. */
  readonly connectionsMax: number;
  /** A client that dribbles its headers is cut off after this time, */
  readonly headersMs: number;
  /** and one that dribbles its body after this one. */
  readonly requestMs: number;
}

const MEGABYTE = 1 << 20;

export const DEFAULT_LIMITS: IngressLimits = {
  bodyBytesMax: MEGABYTE,
  deadlineMs: 30_000,
  // 64 full bodies, or some 200,000 small ones: a quarter of what one process of 256 MB may hold.
  bodyBytesTotalMax: 64 * MEGABYTE,
  // About 4 KB of objects each.
  requestsMax: 20_000,
  connectionsMax: 20_000,
  headersMs: 10_000,
  requestMs: 30_000,
};

/** A delay keeps a timer for that long; more than a year is a mistake in the unit. */
export const DELAY_MAX_MS = 366 * 86_400_000;
/** An idempotency result outlives the longest deadline (a day against ten minutes), so this is bounded well below. */
export const DEADLINE_MAX_MS = 600_000;
/** How long `$commands/{id}?wait=` holds a connection. */
export const WAIT_MAX_MS = 600_000;
/** Client-made keys are hashed, so this only keeps headers sane. */
export const KEY_CHARACTERS_MAX = 256;
/** Events of one JSON page, unless fewer are asked for. */
export const EVENTS_PAGE_MAX = 1_000;
export const EVENTS_PAGE_DEFAULT = 100;

/** Request line and headers together; Node's own default, stated because 10,000 clients may each hold that much. */
export const HEADER_BYTES_MAX = 16_384;
/** How often Node looks for the two above. */
export const TIMEOUT_CHECK_MS = 1_000;
/** An idle connection may be closed after this time; longer than the 60 s of common load balancers. */
export const KEEP_ALIVE_MS = 65_000;
/** A client that does not read its reply is cut off after this time. */
export const UNREAD_REPLY_MS = 60_000;
/** What is still read, and thrown away, of a body that was refused, so that the client gets to see the refusal. */
export const REFUSED_BODY_BYTES_MAX = 8 * MEGABYTE;
export const REFUSED_BODY_MS = 5_000;

/** What may wait for one slow reader of a live feed before it is disconnected. */
export const FEED_BUFFER_BYTES_MAX = MEGABYTE;
/** Comments on a silent feed, so that proxies keep it open and a dead client is noticed. */
export const FEED_HEARTBEAT_MS = 15_000;
/** Events asked for at once while a feed catches up with history. */
export const FEED_PAGE = 100;
