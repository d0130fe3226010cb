/** Versions of the record format, which the cluster agrees on (RULES.md 15d). */

/** The newest that this program reads and writes. */
export const RECORD_FORMAT_KNOWN = 2;
/** From here on a record may refer to values in the snapshot store. */
export const RECORD_FORMAT_WITH_VALUES = 2;
