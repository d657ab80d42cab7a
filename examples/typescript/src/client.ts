import { Connection, documentOf, type State } from "./connection.js";
import { surroundings, within, type Environment } from "./environment.js";
import { ApiError } from "./errors.js";
import { Requests, type Credentials } from "./request.js";
import type { Admission, Me } from "./types.js";

export type { State } from "./connection.js";

export interface ClientOptions<Resumed = unknown> extends Credentials {
  /** What `checkout.resume` calls, for example to go to the checkout. */
  onResume?: (admission: Admission) => Resumed;
}

/** A client for one consumer. */
export interface Client<Resumed = unknown> {
  readonly consumer: {
    /**
     * Reads the consumer's document once. It throws an ApiError for an error response, a
     * NetworkError if there is no response of the API, and the signal's reason if the signal is
     * aborted.
     */
    getMe(options?: { signal?: AbortSignal }): Promise<Me>;
    /**
     * Yields the document at once and after each change, until the signal is aborted or the
     * consumer was deleted. A slow reader may skip versions in between, but always gets the
     * newest. It continues after a lost connection, and throws an ApiError if another request
     * would not help.
     */
    watch(options?: { signal?: AbortSignal }): AsyncGenerator<Me, void, undefined>;
    /**
     * Calls back after each change of `state()`, until the returned function is called. This
     * and `watch` share one connection, which is open while somebody listens.
     */
    subscribe(listener: () => void): () => void;
    /** Returns what is known at the moment: the same object until it changes. */
    state(): State;
  };
  readonly checkout: {
    /** Calls `onResume` with the admission of a journey. */
    resume(admission: Admission): Resumed;
  };
}

/**
 * Returns a client for the consumer of an access token. It opens no connection by itself. For
 * another consumer, create another client.
 *
 * While somebody listens, it reads the document once and then its event stream. It polls where
 * there is no stream or something on the way holds it back, pauses while the page is hidden or
 * offline, repeats what failed after a random pause that grows up to 30 seconds, and shares the
 * stream with other tabs of the same consumer.
 */
export function createClient<Resumed = unknown>(options: ClientOptions<Resumed>): Client<Resumed> {
  return createClientIn(surroundings(), options);
}

/** Like createClient, but takes the surroundings as an argument, for tests. */
export function createClientIn<Resumed>(environment: Environment, { onResume, ...credentials }: ClientOptions<Resumed>): Client<Resumed> {
  const requests = new Requests(credentials, environment);
  const connection = new Connection(requests, environment);
  return {
    consumer: {
      getMe: ({ signal } = {}) => within(signal, async (own) => documentOf((await requests.get("/me", {}, own)).response, own)),
      watch: ({ signal } = {}) => watch(connection, signal),
      subscribe: (listener) => connection.subscribe(listener),
      state: () => connection.state,
    },
    checkout: {
      resume: (admission) => {
        if (!onResume) throw new TypeError("checkout.resume requires the option onResume of createClient");
        return onResume(admission);
      },
    },
  };
}

async function* watch(connection: Connection, signal: AbortSignal | undefined): AsyncGenerator<Me, void, undefined> {
  if (signal?.aborted) return;
  let wake = (): void => undefined;
  const changed = (): void => wake();
  const leave = connection.subscribe(changed);
  const abort = (): void => {
    leave();
    wake();
  };
  signal?.addEventListener("abort", abort);
  try {
    for (let yielded: Me | undefined; !signal?.aborted; ) {
      const { document, error, hasEnded } = connection.state;
      if (document !== yielded && document) {
        yielded = document;
        yield document;
      } else if (hasEnded) {
        if (error instanceof ApiError && error.status === 404) return;
        throw error;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    leave();
  }
}
