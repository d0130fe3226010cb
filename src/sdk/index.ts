/** The published edge `holdfast`: contracts, definitions, and the ways to run them. */

export type { EntityAddress } from "./address.js";
export type { CarriedAnswer, CarriedRequest } from "./answer-request.js";
export type { Contract, Ref } from "./contract.js";
export type {
  CommandSpec,
  CommandSpecs,
  EventOf,
  EventSpec,
  EventSpecs,
  HappenedEvent,
  QuerySpec,
  QuerySpecs,
} from "./declarations.js";
export { command, event, query } from "./declarations.js";
export type { Definition } from "./definition.js";
export type { Duration } from "./duration.js";
export type { ActionContract, EntityContract } from "./entity.js";
export { action, entity } from "./entity.js";
export type {
  AskOptions,
  DelayOptions,
  EffectContext,
  EventInfo,
  EventSourcedContext,
  ReadContext,
  ValueContext,
} from "./handlers.js";
export type { FunctionServer, ServeOptions } from "./http-server.js";
export type { RunOptions } from "./invocation.js";
export type { LambdaContext, LambdaHandler, LambdaHttpResponse, LambdaOptions } from "./lambda.js";
export { lambdaHandler } from "./lambda.js";
export type { LocalFunction } from "./local.js";
export { local } from "./local.js";
export type { Access, AnyRef, Message, QueryMessage } from "./message.js";
export type { ActionOptions, EventSourcedOptions, ValueOptions, Wishes } from "./options.js";
export { INVALID_INPUT, isRefusal, Refusal, refuse } from "./refusal.js";
export type { Outcome, RepliesSpec, ReplySpec } from "./replies.js";
export { replyOf } from "./replies.js";
export type { Fault } from "./run-entity.js";
export type { InputOf, InvalidField, OutputOf, Schema } from "./schema.js";
export { described, unchecked } from "./schema.js";
export { serve } from "./serve.js";
