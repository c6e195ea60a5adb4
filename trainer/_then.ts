/**
 * Goes on with a value: at once if it is there, when its promise is kept otherwise. Steps that are synchronous stay
 * synchronous this way, however many hooks stand around them.
 *
 * @param value The value, or a promise of it
 * @param next What to do with it
 * @returns What `next` gave
 */
export function then<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/**
 * Runs something and then `last`, also after an error.
 *
 * @param run What to run; it may be asynchronous
 * @param last What to do at its end
 * @returns What `run` gave
 */
export function lastly<R>(run: () => R, last: () => void): R {
  let result: R;
  try {
    result = run();
  } catch (error) {
    last();
    throw error;
  }
  if (result instanceof Promise) return result.finally(last) as R;
  last();
  return result;
}
