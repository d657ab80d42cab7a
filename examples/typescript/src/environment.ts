/** What the client needs of its surroundings. */
export interface Environment {
  fetch: typeof fetch;
  /** Milliseconds since the epoch. */
  now(): number;
  /** From 0 to 1. */
  random(): number;
  /** Calls back after some milliseconds, unless it is cancelled. */
  after(milliseconds: number, call: () => void): () => void;
  /** Reports whether the page is shown and online. */
  isAwake(): boolean;
  /** Calls back when that may have changed, unless it is cancelled. */
  onWake(call: () => void): () => void;
  /** What tabs share a stream with, if the browser has it. */
  tabs?: { locks: LockManager; open(name: string): BroadcastChannel };
}

/** Returns the surroundings in a browser, in React Native or in Node.js. */
export function surroundings(): Environment {
  const page = typeof document === "object" ? document : undefined;
  const locks = page && navigator.locks; // only in a secure context
  return {
    fetch: (...request) => fetch(...request),
    now: () => Date.now(),
    random: () => Math.random(),
    after: (milliseconds, call) => {
      const timer = setTimeout(call, milliseconds);
      return () => clearTimeout(timer);
    },
    isAwake: () => !page || (page.visibilityState !== "hidden" && navigator.onLine),
    onWake: (call) => {
      const targets = page ? ([[page, "visibilitychange"], [window, "online"], [window, "offline"]] as const) : [];
      targets.forEach(([target, event]) => target.addEventListener(event, call));
      return () => targets.forEach(([target, event]) => target.removeEventListener(event, call));
    },
    ...(locks && typeof BroadcastChannel === "function" && { tabs: { locks, open: (name) => new BroadcastChannel(name) } }),
  };
}

/** The longest time that a timer takes. With a longer one it calls back at once. */
const longestTimer = 2 ** 31 - 1;

/** Waits for some milliseconds, 24 days at most, or until the signal is aborted. */
export function sleep(environment: Environment, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) return done();
    const finish = (): void => {
      cancel();
      signal.removeEventListener("abort", finish);
      done();
    };
    const cancel = environment.after(Math.min(milliseconds, longestTimer), finish);
    signal.addEventListener("abort", finish);
  });
}

/** Fails if the signal is aborted. Some browsers lack the method. */
export function check(signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason ?? new Error("aborted");
}

/** Waits for a promise, or fails when the signal is aborted. */
export function abortable<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return within(signal, (own) =>
    new Promise<T>((resolve, reject) => {
      own.addEventListener("abort", () => reject(signal.reason ?? new Error("aborted")));
      if (own.aborted) reject(signal.reason ?? new Error("aborted"));
      promise.then(resolve, reject);
    }),
  );
}

/** Runs with a signal that is aborted with the given one, and at the end in any case. */
export async function within<T>(
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal, abort: () => void) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const abort = (): void => own.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  try {
    return await run(own.signal, abort);
  } finally {
    signal?.removeEventListener("abort", abort);
    abort();
  }
}
