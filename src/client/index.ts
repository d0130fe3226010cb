/** The published edge `holdfast/client`. */
export type { CallOptions, HoldfastClient, OutcomeOptions, Pending, RequestOptions, SendOptions } from "./client.js";
export { connect } from "./client.js";
export type { ErrorSource } from "./errors.js";
export { HoldfastError, RefusedError } from "./errors.js";
export type { EventsOptions } from "./feed.js";
export type { ClientOptions } from "./transport.js";
