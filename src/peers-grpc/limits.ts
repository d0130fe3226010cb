/** The limits of peer links, with their reasons. What a test has to reach sooner is an option of the port instead. */

/** Frames up to this size share messages; a larger one is cut into pieces of it. Large enough that gRPC's work per message no longer shows. */
export const MESSAGE_BYTES = 64 * 1024;

/** A message of anybody who keeps to the format is below this. */
export const MESSAGE_BYTES_MAX = 2 * MESSAGE_BYTES;

/** Given to the transport and not yet taken by it: enough to keep it busy, little enough that a beat is not stuck behind it. */
export const IN_FLIGHT_BYTES_MAX = 256 * 1024;

/** What HTTP/2 lets a sender have under way: 64 KB would hold a link to another zone to 64 MB/s. */
export const RECEIVE_WINDOW_BYTES = 1024 * 1024;

/** Frames that wait for one node: two of the largest. More means that it does not keep up; it is better told `lost` than fed old news. */
export const QUEUE_BYTES_MAX = 72 * 1024 * 1024;

/** The same for all nodes together: a part of a small router's memory. */
export const ALL_QUEUES_BYTES_MAX = 256 * 1024 * 1024;

/** Every end sends one message this often, whatever else it sends. */
export const BEAT_MS = 750;

/**
 * So many beats without a byte from the other end, and the link counts as broken: 2.25 to 3 seconds, the time of a lease.
 * Beats are counted, not time: a process that stood still finds what has arrived meanwhile before its next beat.
 */
export const SILENT_BEATS_MAX = 4;

/** How long an end waits for the other to end too before it cuts the connection. */
export const ENDING_BEATS_MAX = 2;

/** A dial that was not answered in this many beats gives way to one that came through from the other end. */
export const CROSSED_BEATS_MAX = 1;

export const BACK_OFF_FIRST_MS = 50;
/** A node that comes back is found within a second. */
export const BACK_OFF_MAX_MS = 1000;

/** How long `close` waits for what is queued. */
export const CLOSE_MS = 500;

/** How long a connection of an ended stream may take to close by itself, so that the reason arrives. */
export const LINGER_MS = 500;

/** Connections at once: far more nodes than a cluster has, far fewer than a process has descriptors. */
export const CONNECTIONS_MAX = 1000;

/** A connection without a stream is closed after this long. */
export const CONNECTION_IDLE_MS = 5000;

/** Lines that the log gets from here in `NOTICE_WINDOW_MS`; the next one says how many were left out. */
export const NOTICES_MAX = 20;
export const NOTICE_WINDOW_MS = 10_000;

/** How often the PEM files are read again: certificates are renewed hours before they end. */
export const TLS_RELOAD_MS = 60_000;
