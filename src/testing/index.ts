/** The published edge `holdfast/testing`. */
export { HoldfastError, RefusedError } from "../client/errors.js";
export type { HandlerRun } from "./handler-guard.js";
export type { TestCallOptions, TestDeadLetter, TestRouter, TestRouterOptions, TestTimer } from "./test-router.js";
export { testRouter } from "./test-router.js";
