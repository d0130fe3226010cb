/** The core's invocation and the function contract's are the same shapes. The compiler does the work; a drift does not build. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type * as core from "../../src/core/entity/invocation.js";
import type * as contract from "../../src/protocol/function/contract.js";

type Same<Left, Right> = [Left] extends [Right] ? ([Right] extends [Left] ? true : false) : false;

const same: {
  readonly request: Same<core.InvocationRequest, contract.InvocationRequest>;
  readonly entity: Same<core.InvocationEntity, contract.InvocationEntity>;
  readonly command: Same<core.InvocationCommand, contract.InvocationCommand>;
  readonly historyEvent: Same<core.HistoryEvent, contract.HistoryEvent>;
  readonly result: Same<core.EntityResult, contract.EntityResult>;
  readonly outcome: Same<core.CommandResult, contract.CommandResult>;
  readonly effect: Same<core.FunctionEffect, contract.FunctionEffect>;
  readonly newEvent: Same<core.NewEvent, contract.NewEvent>;
  readonly end: Same<core.InvocationEnd, contract.InvocationEnd>;
} = {
  request: true,
  entity: true,
  command: true,
  historyEvent: true,
  result: true,
  outcome: true,
  effect: true,
  newEvent: true,
  end: true,
};

describe("the shapes of the function contract", () => {
  it("are the core's, so that values pass between them as they are", () => {
    assert.ok(Object.values(same).every((isSame) => isSame));
  });
});
