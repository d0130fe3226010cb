/** Values that may have to be waited for. Most handlers and schemas answer at once, and then nothing should wait a turn. */

export type Awaitable<T> = T | Promise<T>;

/** Promises of any make: a handler may return what a library calls one. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** `next` of the value, now where it is there. */
export function andThen<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return isPromise(value) ? Promise.resolve(value).then(next) : next(value);
}
