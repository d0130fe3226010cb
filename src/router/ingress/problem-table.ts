/**
 * Every error code that a caller or an operator can meet: its HTTP status, whose doing it is, whether a retry can help,
 * and what to do. docs/errors.md shows the same table to readers, a test asserts that the two agree.
 *
 * Codes are stable: clients and scripts compare them. Add, never rename.
 */
import { ANSWER_PROBLEMS } from "./answer-problem-table.js";
import { AWS_PROBLEMS } from "./aws-problem-table.js";
import type { Actor, ProblemEntry } from "./problem-entry.js";

export type { ProblemEntry };

export const REQUEST_PROBLEMS = {
  bad_path: caller(
    404,
    "No such path",
    "The path is not one of the router's.",
    "Use /{namespace}/{name}/{id} or /{namespace}/{name}/{id}/{command}; write a '/' within an id as %2F.",
  ),
  bad_id: caller(
    400,
    "The id is refused",
    "Ids are 1 to 256 bytes of UTF-8, percent-encoded in paths, without control characters or lone surrogates, and not '.' or '..'.",
    "Correct the id; it is never normalised or repaired.",
  ),
  reserved_name: caller(
    404,
    "The name is reserved",
    "Names that begin with '$' belong to the router, and this is none of its resources.",
    "Use $events or $commands/{commandId}, or a command of the entity type.",
  ),
  bad_parameter: caller(
    400,
    "A query parameter is refused",
    "A query parameter is unknown, given twice, malformed, or does not fit the request.",
    "The detail names the parameter and what it takes.",
  ),
  bad_header: caller(
    400,
    "A header is refused",
    "Idempotency-Key, holdfast-deadline or Last-Event-ID has a value that cannot be used.",
    "The detail names the header and what it takes.",
  ),
  delay_too_long: caller(
    400,
    "The delay is too long",
    "A command can be delayed by at most 366 days.",
    "Check the unit; for more, let the entity set a timer again when it fires.",
  ),
  method_not_allowed: caller(
    405,
    "The method is not allowed here",
    "Commands take POST; queries GET or POST; state, events and outcomes GET.",
    "Use a method from the Allow header.",
  ),
  malformed_json: caller(
    400,
    "The body is not JSON",
    "The body, or the 'input' parameter, is not one JSON value.",
    "The member 'offset' says at which byte reading stopped.",
  ),
  malformed_utf8: caller(
    400,
    "The body is not UTF-8",
    "JSON is UTF-8, and these bytes are not; they would reach the function changed.",
    "Send UTF-8, without lone surrogates.",
  ),
  unsupported_media_type: caller(
    415,
    "The content type is not taken",
    "Commands take application/json in UTF-8, without a content encoding, or no body at all.",
    "Set 'content-type: application/json'.",
  ),
  body_too_large: caller(
    413,
    "The body is too large",
    "The input of a command is limited (1 MB unless the operator says otherwise).",
    "Send less, for instance a reference to what is stored elsewhere.",
  ),
  request_timeout: retryable(
    408,
    "caller",
    "The request took too long to arrive",
    "Headers must arrive within 10 s, the whole request within 30 s.",
    "Send the request again, over a better connection.",
  ),
  headers_too_large: caller(
    431,
    "The headers are too large",
    "Request line and headers together are limited to 16 KB.",
    "Send fewer or shorter headers; shorten 'input' by using POST.",
  ),
  malformed_http: caller(
    400,
    "Not an HTTP request",
    "The bytes on the connection are not HTTP/1.1.",
    "Check the client, and that it does not speak TLS or HTTP/2 to this port.",
  ),
  unauthenticated: caller(
    401,
    "Authentication is needed",
    "No key or token was sent, or it is unknown, expired, or not meant for this router.",
    "Send 'authorization: Bearer ...' with a valid key or token.",
  ),
  auth_unavailable: retryable(
    503,
    "operator",
    "The keys cannot be had",
    "The keys that would tell whether the token is genuine cannot be fetched at this moment.",
    "Retry after the time in Retry-After; the operator looks at the address under ingress.auth.jwks.",
  ),
  forbidden: caller(
    403,
    "Not allowed",
    "The caller is known, and may not use this entity type.",
    "Ask the operator to add the type to the key's 'types', or use another key.",
  ),
  origin_not_allowed: caller(
    403,
    "The web origin is not allowed",
    "A web page of another origin sent the request, and the router asks for no credentials that would tell its user from anybody.",
    "Add the origin to ingress.cors.origins, or set up authentication.",
  ),
  unknown_type: caller(
    404,
    "No such entity type",
    "No active deployment serves an entity type of this name.",
    "The member 'exists' lists what there is. Register the function that serves the type, or correct the name.",
  ),
  unknown_command: caller(
    404,
    "No such command",
    "The entity type has no public command or query of this name.",
    "The member 'exists' lists what there is. Internal commands are for other entities.",
  ),
  not_exposed: caller(
    403,
    "Not shown",
    "The entity type does not show its state, or its events, to clients.",
    "Use a query, or let the operator set types.{type}.expose.",
  ),
  command_not_found: caller(
    404,
    "No outcome under this id",
    "The command never arrived, or its outcome is no longer kept, or it was a call without an idempotency key, whose outcome is not kept.",
    "Look within the retention of the type (24 h by default), at the same entity.",
  ),
  dead_letter_not_found: caller(
    404,
    "No such dead letter",
    "The entity has no dead letter with this command id; perhaps it was retried or dropped meanwhile.",
    "List the dead letters again.",
  ),
  idempotency_key_reused: caller(
    422,
    "The key was used for another request",
    "The same entity has seen this Idempotency-Key with another command or body.",
    "Use a new key for a new request; repeat a request byte for byte.",
  ),
  mailbox_full: retryable(
    429,
    "caller",
    "Too many commands wait for this entity",
    "One entity runs its commands one after the other, and its mailbox (1,000 by default) is full.",
    "Retry after the time in Retry-After; spread the load over more entities.",
  ),
  idempotency_store_full: retryable(
    429,
    "operator",
    "Too many outcomes are kept",
    "The store of idempotency results is full, and the router forgets none of them early.",
    "Retry later; the operator can shorten idempotencyRetention or add memory.",
  ),
  overloaded: retryable(
    503,
    "operator",
    "Too much at once",
    "The router holds as many requests, or bytes of requests, as it may.",
    "Retry after the time in Retry-After; the operator can raise the limits or add routers.",
  ),
  storage_slow: retryable(
    503,
    "operator",
    "The storage does not keep up",
    "Commits wait too long for the journal, so nothing more is accepted for now.",
    "Retry after the time in Retry-After; the operator looks at the append time and the disk.",
  ),
  stopping: retryable(
    503,
    "operator",
    "The router is stopping",
    "It finishes what it accepted and takes nothing new.",
    "Retry; another router, or this one once it is back, takes the request.",
  ),
  starting: retryable(
    503,
    "operator",
    "The router is starting",
    "It is still reading its log.",
    "Retry after the time in Retry-After.",
  ),
  shard_refused: failure(
    503,
    "operator",
    "The entity's data cannot be opened",
    "The data of the shard that holds this entity is damaged or incomplete, so it is not served at all.",
    "The router's log names what is missing. Bring it back, or go back to the shard's previous manifest, which loses nothing: 'holdfast shards restore --previous' (docs/operations.md); else restore a backup.",
  ),
  shard_moving: retryable(
    503,
    "operator",
    "The entity is on its way to another router",
    "The shard that holds this entity is moving between routers, or its router has just died, and nobody serves it yet.",
    "Send the request again, in a second. Nothing of it was begun.",
  ),
  entity_paused: failure(
    503,
    "operator",
    "The entity is paused",
    "A command of this entity faulted again and again, and its type asks to stop then instead of going on.",
    "Look at the dead letters of the entity; correct the function, then retry or drop the command.",
  ),
  deadline_exceeded: retryable(
    504,
    "caller",
    "Not done within the deadline",
    "The command was not done in time, and it will not be run any more: nothing of it took effect. Or a state was asked for, and its function has not folded it in time.",
    "Retry, or give it more time with the header holdfast-deadline.",
  ),
  outcome_unknown: retryable(
    504,
    "caller",
    "The outcome is not known yet",
    "Nobody can say yet whether the command took effect; it may still do so.",
    "Repeat the request with the same Idempotency-Key, or ask $commands/{commandId}; without a key, look at the entity first.",
  ),
  function_faulted: failure(
    502,
    "function author",
    "The function failed",
    "The function crashed, timed out, or answered with something that is no answer, for this command alone, as often as is tried. Nothing of it took effect.",
    "The detail says what came back. Correct the function; the caller may retry once it is.",
  ),
  dropped: failure(
    410,
    "operator",
    "The command was dropped",
    "It faulted as often as is tried, and the operator dropped it. Nothing of it took effect.",
    "Send it again once the function is corrected, if it is still wanted.",
  ),
  function_unavailable: retryable(
    503,
    "operator",
    "The function cannot be used",
    "The endpoint that serves this entity type does not answer, is overloaded, or fails for whatever it is asked. Nothing of the command took effect. This never counts as a fault of the command.",
    "Retry after the time in Retry-After; the operator looks at the endpoint.",
  ),
  state_too_large: failure(
    422,
    "function author",
    "The entity's state would be too large",
    "The state that this command would leave is over the type's limit (1 MB by default, 4 MB at most), so the command was refused.",
    "Keep less in one entity, or raise types.{type}.stateMax.",
  ),
  unstorable: failure(
    500,
    "operator",
    "What the command does cannot be stored",
    "The journal has refused for ever, twice, to store what this command does, the second time by itself. Nothing of it took effect, and it is not run again until the router is started anew. Messages become dead letters.",
    "The router's log has the journal's reason. When that is mended, repeat the command under another key, or retry the dead letter.",
  ),
  refused: failure(
    409,
    "caller",
    "Refused by the function",
    "The function refused the command, with a code of its own in 'code'. Nothing of the command took effect.",
    "The detail, and 'details', come from the function; its documentation says what its codes mean.",
  ),
  invalid_input: failure(
    422,
    "caller",
    "The input does not fit",
    "The function's schema does not take the input. Nothing of the command took effect.",
    "The member 'errors' lists each place, as a path, and what is wrong there.",
  ),
  internal_error: failure(
    500,
    "operator",
    "The router failed",
    "The router met something that should not happen.",
    "Report it with the router's log; whether the command took effect is not known.",
  ),
} satisfies Record<string, ProblemEntry>;

export const ADMIN_PROBLEMS = {
  not_found: caller(404, "No such admin resource", "The admin API has no such path.", "The member 'exists' lists what there is."),
  bad_request: caller(
    400,
    "The request is refused",
    "The body of an admin request is malformed, or misses something.",
    "The detail names the member.",
  ),
  host_not_allowed: caller(
    403,
    "The host name is not allowed",
    "The admin API was addressed by a name that is not this machine's; a web page may have pointed its own name here.",
    "Use the address that the router printed, such as http://127.0.0.1:9070.",
  ),
  endpoint_unreachable: retryable(
    502,
    "operator",
    "The endpoint cannot be reached",
    "Discovery found nobody at the endpoint's address.",
    "Start the function, check the address and try again.",
  ),
  manifest_malformed: failure(
    422,
    "function author",
    "The endpoint's manifest is refused",
    "The endpoint answered discovery with something that is no manifest of a contract version the router speaks.",
    "The detail names the place. Update the function's SDK, or correct the manifest.",
  ),
  manifest_version: failure(
    422,
    "function author",
    "The contract version is not spoken here",
    "The function speaks no contract version that this router speaks.",
    "Use a version of the SDK, or of the router, that shares one.",
  ),
  deployment_incompatible: failure(
    409,
    "function author",
    "The deployment does not fit what is stored",
    "Entities of these types have history or state that the new deployment could not read, or callers could lose a command that messages under way still need.",
    "The member 'reasons' lists each. Correct the function; or force it, knowing that such commands will fault.",
  ),
  deployment_not_found: caller(404, "No such deployment", "No deployment with this id is registered.", "List the deployments."),
  deployment_in_use: caller(
    409,
    "The deployment is needed",
    "It serves an entity type, a rollback would go back to it, or invocations of it are under way, or may be in another router; the detail says which.",
    "Register or promote another deployment first, or try again when its invocations have ended.",
  ),
  canary_refused: caller(
    409,
    "The deployment cannot be a canary",
    "It serves already, nothing serves its types yet, another canary has one of them, it is at the address of what serves now, or it is no canary that could end; the detail says which.",
    "Register another version at another address (a Lambda version has its own), or end the other canary first.",
  ),
  node_not_found: caller(
    404,
    "No such router",
    "No living router of the cluster has this address.",
    "`holdfast cluster status` shows their addresses.",
  ),
  split_unfinished: retryable(
    409,
    "operator",
    "The split before is not done",
    "Some shards are still to be halved. Shards whose owner has just died, or whose snapshot store is slow, take longer; a refused shard is not split.",
    "Wait; `holdfast cluster status` says how many are left.",
  ),
  too_many_shards: caller(
    409,
    "There may not be as many shards",
    "After the split the cluster would have more than 65,536 shards.",
    "What one shard cannot do, more of them will not do either: look for what is slow.",
  ),
  nothing_to_roll_back: caller(
    409,
    "Nothing to roll back to",
    "No earlier deployment is known for this endpoint's types.",
    "Promote a deployment by its id instead.",
  ),
  deployments_contended: retryable(
    503,
    "operator",
    "The deployments changed meanwhile",
    "Another process changed the deployments at the same time, again and again; or the directory does not answer.",
    "Try again; list the deployments first.",
  ),
  directory_failed: retryable(
    503,
    "operator",
    "The directory cannot be read or written",
    "The document that holds the deployments cannot be read or written.",
    "The detail says what the storage said; see the router's log.",
  ),
} satisfies Record<string, ProblemEntry>;

export const START_PROBLEMS = {
  config_unreadable: start(
    "The settings cannot be read",
    "The settings file is not there, cannot be read, or is not YAML.",
    "The message names file, line and column.",
  ),
  config_invalid: start(
    "The settings are refused",
    "A setting is unknown, of the wrong kind, out of bounds, or contradicts another one.",
    "The message names the path of each setting that is refused, and the nearest known name.",
  ),
  storage_mix: start(
    "These kinds of storage do not go together",
    "The directory names what journal and snapshots hold. One of them would be gone, or out of reach, while the directory still counts on it.",
    "Put all three into memory, or none; where the directory is in DynamoDB, the journal belongs there and the snapshots in S3.",
  ),
  environment_missing: start(
    "An environment variable is missing",
    "The settings refer to an environment variable that is not set.",
    "Set it, or give a default behind ':-' within the braces.",
  ),
  open_without_auth: start(
    "Open to the network without authentication",
    "The ingress, or the admin API, would listen beyond this machine without asking who calls.",
    "Set up ingress.auth, listen on 127.0.0.1, or state allowUnauthenticated: true if something in front of it authenticates.",
  ),
  listen_failed: start(
    "Cannot listen",
    "The address is in use, or may not be used.",
    "Stop the other process, or choose another port under 'listen'.",
  ),
  auth_keys_unusable: start(
    "The keys for authentication cannot be used",
    "The JWKS, or a static key, cannot be read.",
    "The message says which and why.",
  ),
} satisfies Record<string, ProblemEntry>;

export const STORAGE_PROBLEMS = {
  data_locked: start(
    "The data is in use",
    "Another process holds the data directory. Two never both commit.",
    "Stop the other router, or use another 'path'.",
  ),
  data_unreadable: start(
    "The data directory cannot be used",
    "The data directory cannot be read or written, or is none of Holdfast's.",
    "Check path, owner and permissions.",
  ),
  journal_damaged: start(
    "The journal is damaged",
    "A record in the middle of the journal does not match its checksum. (A torn end, as a crash leaves it, is cut and is no error.)",
    "The message names file and position. Restore the directory from a backup; check the disk.",
  ),
  format_newer: start(
    "The data is of a newer version",
    "The data was written by a newer version of Holdfast, which this one must not touch.",
    "Start the newer version.",
  ),
  segment_missing: start(
    "A segment is missing",
    "A file that the manifest names is not there. It is never taken for empty.",
    "The message names the object. In S3, bring it back with 'holdfast shards restore'; or go back with 'holdfast shards restore --previous'; else restore it from a backup.",
  ),
  segment_damaged: start(
    "A segment is damaged",
    "A file that the manifest names does not match its checksum. It is never taken for empty.",
    "The message names the object. In S3, bring it back with 'holdfast shards restore'; or go back with 'holdfast shards restore --previous'; else restore it from a backup. Check the disk.",
  ),
  shard_owned: start(
    "The shard is owned",
    "'holdfast shards restore --previous' changes a shard only while nobody owns it, and its last owner has ended and sealed its log.",
    "Stop the router in good order (SIGTERM), then run the command again. After a crash, start it once more and stop it.",
  ),
  shard_unknown: start(
    "There is no such shard",
    "The shard that was named on the command line does not exist: they are numbered from 0.",
    "Name another one, or none: then all of them are looked at.",
  ),
  previous_missing: start(
    "There is no previous manifest",
    "The shard keeps nothing to go back to: it was never flushed, it went back already, or nothing was written to it for so long that it was let go.",
    "In S3, bring segments back with 'holdfast shards restore'; else restore a backup.",
  ),
  document_damaged: start(
    "A document of the directory is damaged",
    "A document that says who owns what is not what was written. A shard's document refuses that shard alone ('shard_refused'), any other the start.",
    "Do not delete anything. Restore the data directory from a backup, or from a copy of the disk.",
  ),
  records_missing: start(
    "Records are missing from the journal",
    "Positions that the stored state still needs are not in the journal.",
    "The message names log and position. Restore the directory from a backup.",
  ),
  records_expired: start(
    "Records may have expired",
    "A log has to be taken over whose owner was last heard of more than half of the records' time to live ago. What it had not flushed may be gone, and where the log ends can no longer be told.",
    "Restore the table from a backup of the time; or start with '--accept-loss' and the log's name, which the message gives, to go on with what is left.",
  ),
  value_missing: start(
    "A large value is missing or damaged",
    "A record that the stored state still needs refers to an object in the snapshot store that is not there, or is not what was written. It is never skipped.",
    "The message names log, position and object. Restore the object from a backup or from the bucket's earlier versions.",
  ),
  cluster_mismatch: start(
    "The data belongs to another cluster",
    "'cluster' or 'shards' in the settings differ from what was stored when the data was first written, or another cluster's objects lie under the same prefix of the bucket.",
    "Use the stored values, which the message names, or another 'path', or a 'prefix' of the bucket for each cluster.",
  ),
  disk_full: start(
    "The disk is full",
    "The storage has no space left; nothing that was not durable was acknowledged.",
    "Free some space and start the router again.",
  ),
  disk_failed: start(
    "The disk failed",
    "The disk failed a write, a sync or a read. A failed sync is never retried, because only a restart can tell what is stored.",
    "Check the disk and the system log, then start the router again; it reads back what is really stored.",
  ),
} satisfies Record<string, ProblemEntry>;

export const COMMAND_LINE_PROBLEMS = {
  usage: start(
    "Wrong usage",
    "The command line is not understood.",
    "The message says what was expected; 'holdfast help {command}' shows examples. Exit code 2.",
  ),
  router_unreachable: start(
    "The router cannot be reached",
    "Nobody answers at the router's address.",
    "Start it with 'holdfast start' or 'holdfast dev', or give its address with --admin. Exit code 3.",
  ),
  entry_unusable: start(
    "The entry module cannot be used",
    "The module given to 'holdfast dev' is missing, fails to load, or exports no entities.",
    "Export what 'entity(...).handle(...)' returned, by name, as a list, or as default.",
  ),
} satisfies Record<string, ProblemEntry>;

export type RequestProblemCode = keyof typeof REQUEST_PROBLEMS;
export type AdminProblemCode = keyof typeof ADMIN_PROBLEMS;

/** Each code is in one group only, a test asserts it. */
export const PROBLEMS: Readonly<Record<string, ProblemEntry>> = {
  ...REQUEST_PROBLEMS,
  ...ADMIN_PROBLEMS,
  ...ANSWER_PROBLEMS,
  ...START_PROBLEMS,
  ...STORAGE_PROBLEMS,
  ...AWS_PROBLEMS,
  ...COMMAND_LINE_PROBLEMS,
};

function caller(status: number, title: string, meaning: string, remedy: string): ProblemEntry {
  return { status, title, actor: "caller", isRetryable: false, meaning, remedy };
}

function retryable(status: number, actor: Actor, title: string, meaning: string, remedy: string): ProblemEntry {
  return { status, title, actor, isRetryable: true, meaning, remedy };
}

function failure(status: number, actor: Actor, title: string, meaning: string, remedy: string): ProblemEntry {
  return { status, title, actor, isRetryable: false, meaning, remedy };
}

function start(title: string, meaning: string, remedy: string): ProblemEntry {
  return { status: null, title, actor: "operator", isRetryable: false, meaning, remedy };
}
