import { createParser } from "eventsource-parser";

import { check, sleep, within, type Environment } from "./environment.js";
import { ApiError, NetworkError } from "./errors.js";
import type { Requests } from "./request.js";
import { join } from "./tabs.js";
import type { ActiveParticipations, ConsumerMe, Me, StreamEnd } from "./types.js";

/** What is known at a moment. It is immutable, and another object after each change. */
export interface State {
  /** The newest document, once there is one. */
  readonly document?: Me;
  /**
   * Why there is no document yet, while the client goes on trying, or why the client has
   * stopped: an ApiError with the status 400, 401 or 404.
   */
  readonly error?: Error;
  /** The client has stopped because of the error. */
  readonly hasEnded?: true;
}

/** A document, when it was true, and the id of the event that brought it. */
interface Version {
  document: Me;
  at: number;
  eventId: string | undefined;
}

const second = 1000;
const requestLimit = 30 * second;
/** How long a stream may take to begin before something on the way seems to hold it back. */
const silenceLimit = 10 * second;
/** How long a stream may be silent later. The server sends a heartbeat every 15 s. */
const heartbeatLimit = 45 * second;
/** How long the client polls before it tries a stream again. */
const pollingPeriod = 300 * second;
/** The age from which the profile, which no stream carries, is read again when the client connects. */
const profileAge = 300 * second;
const longestBackoff = 30 * second;
/** After how many failures a tab lets another one try. */
const patience = 3;
const defaultRetry = second;
/** A server may say that clients need not wait at all, but one that fails is not asked without a pause. */
const leastRetry = 100;
const defaultPollInterval = 5;
const longestPollInterval = 300;
/** After how many streams without a byte the client polls. */
const deadStreamLimit = 3;

function withJourneys(document: ConsumerMe): Me {
  const { journeys } = document.active;
  if (typeof document.id !== "string" || !Array.isArray(journeys)) throw new TypeError("no document");
  return { ...document, journeys };
}

/** Reads the document in a response to GET /me. Something on the way may have answered instead. */
export async function documentOf(response: Response, signal: AbortSignal): Promise<Me> {
  try {
    return withJourneys((await response.json()) as ConsumerMe);
  } catch (error) {
    throw new NetworkError(error);
  } finally {
    check(signal);
  }
}

/** Keeps one document current while somebody listens, however many they are. */
export class Connection {
  state: State = {};
  readonly #listeners = new Set<() => void>();
  #running: AbortController | undefined;

  /** What GET /me last answered, and when and with which token. */
  #read: { document: Me; etag: string | undefined; at: number; token: string | undefined } | undefined;
  #newest: Version | undefined;
  #pollsUntil = 0;
  /** How many streams in a row ended without a byte. */
  #deadStreams = 0;
  /** The server has asked not to be asked before. */
  #notBefore = 0;
  #retry = defaultRetry;
  #failures = 0;

  constructor(
    readonly requests: Requests,
    readonly environment: Environment,
  ) {}

  /** Calls back after each change of the state, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    if (!this.#running) {
      const running = (this.#running = new AbortController());
      void this.#run(running.signal);
    }
    return () => {
      this.#listeners.delete(own);
      // Somebody who leaves and comes back at once, as React does under StrictMode, changes nothing.
      queueMicrotask(() => {
        if (this.#listeners.size === 0) this.#stop();
      });
    };
  }

  #stop(): void {
    this.#running?.abort();
    this.#running = undefined;
  }

  #set(state: State): void {
    this.state = state;
    for (const listener of [...this.#listeners]) {
      try {
        if (this.#listeners.has(listener)) listener();
      } catch (error) {
        queueMicrotask(() => {
          throw error; // it is the listener's, and nothing here depends on it
        });
      }
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { document, error } = this.state;
    if (error) this.#set(document ? { document } : {}); // it is that of an earlier run
    try {
      while (!signal.aborted) {
        await this.#awake(signal);
        await within(signal, async (awake, pause) => {
          const cancel = this.environment.onWake(() => this.environment.isAwake() || pause());
          try {
            await this.#follow(awake);
          } finally {
            cancel();
          }
        });
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#running = undefined;
      this.#set({ ...this.state, error: error as Error, hasEnded: true });
    }
  }

  /** Waits until the page is shown and online. */
  async #awake(signal: AbortSignal): Promise<void> {
    await within(signal, (waiting, stop) =>
      new Promise<void>((done) => {
        const look = (): void => {
          if (this.environment.isAwake()) stop();
        };
        const cancel = this.environment.onWake(look);
        waiting.addEventListener("abort", () => {
          cancel();
          done();
        });
        look();
      }),
    );
  }

  /** Keeps the document current while the page is shown and online. */
  async #follow(signal: AbortSignal): Promise<void> {
    this.#failures = 0;
    const wait = this.#notBefore - this.environment.now();
    if (wait > 0) await sleep(this.environment, wait, signal);
    while (!signal.aborted) {
      await this.#repeat(signal, () => this.#readIfNeeded(signal, Infinity));
      const id = this.state.document?.id;
      if (signal.aborted || id === undefined) return;
      const { baseUrl, publishableKey } = this.requests.credentials;
      // When the token of a tab becomes another consumer's, the others must not learn of that one.
      const isTheirs = (version: Version | undefined): boolean => version?.document.id === id;
      await join<Version>(this.environment, ["rejoin", baseUrl, publishableKey, id].join(" "), signal, {
        newest: () => (isTheirs(this.#newest) ? this.#newest : undefined),
        hear: (version) => {
          const at = this.#newest?.at ?? 0; // it is in the future if the clock was set back
          if (isTheirs(version) && (version.at >= at || at > this.environment.now())) this.#show(version);
        },
        lead: (tellAll) => {
          const tell = (version: Version): void => {
            if (isTheirs(version)) tellAll(version);
          };
          const step = async (): Promise<number | undefined> => {
            await this.#readIfNeeded(signal, profileAge, tell);
            if (this.state.document?.id !== id) return undefined; // the token is another consumer's now
            return this.environment.now() < this.#pollsUntil ? this.#poll(signal, tell) : this.#stream(signal, tell);
          };
          return this.#repeat(signal, step, patience);
        },
      });
    }
  }

  /**
   * Repeats a step until it returns nothing, or has failed several times in a row. Before the
   * next time it waits for the milliseconds that the step returned, or as long as the server
   * says, and somewhat longer, so that not all clients come at once. An error that another
   * request would not help with is thrown.
   */
  async #repeat(signal: AbortSignal, step: () => Promise<number | undefined>, failures = Infinity): Promise<void> {
    for (let inRow = 0; !signal.aborted && inRow < failures; ) {
      const before = this.#failures;
      let pause: number | undefined;
      try {
        pause = await step();
        if (pause === undefined) return;
      } catch (error) {
        if (signal.aborted) return;
        if (isFinal(error)) throw error;
        if (!this.state.document) this.#set({ error: error as Error });
        pause = error instanceof ApiError ? (error.retryAfter ?? 0) * second : 0;
        this.#notBefore = this.environment.now() + pause;
        this.#failures++;
      }
      inRow = this.#failures > before ? inRow + 1 : 0;
      const jitter = this.environment.random() * Math.min(longestBackoff, this.#retry * 2 ** this.#failures);
      await sleep(this.environment, pause + jitter, signal);
    }
  }

  /** Reads the document unless it is known, not too old, and that of the present token's consumer. */
  async #readIfNeeded(signal: AbortSignal, age: number, tell?: (version: Version) => void): Promise<undefined> {
    const read = this.#read;
    if (!this.state.document || !read || read.token !== this.requests.token || this.environment.now() - read.at >= age) {
      await this.#readDocument(signal, tell);
    }
  }

  async #poll(signal: AbortSignal, tell: (version: Version) => void): Promise<number> {
    try {
      const interval = await this.#readDocument(signal, tell);
      this.#failures = 0;
      return interval * second;
    } catch (error) {
      this.#pollsUntil = 0; // it is not only the stream
      throw error;
    }
  }

  /** Reads the document, and returns the seconds after which to read it again. */
  async #readDocument(signal: AbortSignal, tell?: (version: Version) => void): Promise<number> {
    return within(signal, async (limited, abort) => {
      const cancel = this.environment.after(requestLimit, abort);
      try {
        const at = this.environment.now();
        const { response, token } = await this.requests.get("/me", { "If-None-Match": this.#read?.etag }, limited);
        const known = response.status === 304 ? this.#read?.document : undefined;
        const document = known ?? (await documentOf(response, limited));
        check(limited);
        if (!tell) this.#failures = 0; // while a tab leads, a stream or a poll must succeed
        this.#read = { document, etag: response.headers.get("ETag") ?? undefined, at, token };
        this.#show({ document, at, eventId: undefined }, tell);
        const interval = Number(response.headers.get("X-Poll-Interval"));
        return interval >= 1 ? Math.min(interval, longestPollInterval) : defaultPollInterval;
      } catch (error) {
        throw limited.aborted && !signal.aborted ? new NetworkError(error) : error;
      } finally {
        cancel();
      }
    });
  }

  /** Shows a version, and tells the other tabs if it is another one than before. */
  #show(version: Version, tell?: (version: Version) => void): void {
    const isNew = JSON.stringify(version.document) !== JSON.stringify(this.state.document);
    this.#newest = { ...version, eventId: version.eventId ?? (isNew ? undefined : this.#newest?.eventId) };
    if (isNew) {
      this.#set({ document: version.document });
      tell?.(this.#newest);
    }
  }

  /** Shows what a stream brings until it ends, and returns the least pause before the next one. */
  async #stream(signal: AbortSignal, tell: (version: Version) => void): Promise<number> {
    return within(signal, async (open, close) => {
      const opened = this.environment.now();
      let hasBegun = false;
      let cancel = this.environment.after(silenceLimit, close);
      try {
        const { response, token } = await this.requests.get("/me/events", { "Last-Event-ID": this.#newest?.eventId }, open);
        if (token !== this.#read?.token) return 0; // first see whose the new token is
        const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream");
        if (!isStream || !response.body) return this.#pollFromNowOn(); // in React Native it has no body
        let end: StreamEnd | undefined;
        const parser = createParser({
          onRetry: (milliseconds) => (this.#retry = Math.max(milliseconds, leastRetry)),
          onEvent: ({ event, id, data }) => {
            if (event === "end") end = JSON.parse(data) as StreamEnd;
            if (event === "active" && this.state.document) this.#show(this.#changedBy(JSON.parse(data), id), tell);
          },
        });
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        while (!end) {
          const { done, value } = await reader.read();
          check(open);
          if (done) break;
          hasBegun = true;
          this.#deadStreams = 0;
          cancel();
          cancel = this.environment.after(heartbeatLimit, close);
          parser.feed(decoder.decode(value, { stream: true }));
        }
        if (this.environment.now() - opened < silenceLimit) this.#failures++; // it may go on like this
        if (!hasBegun && ++this.#deadStreams >= deadStreamLimit) return this.#pollFromNowOn();
        return end ? await this.#afterEnd(end, open) : 0;
      } catch (error) {
        const isHeldBack = open.aborted && !signal.aborted && !hasBegun;
        const hasNoStream = error instanceof ApiError && error.status === 404 && !isFinal(error);
        const mustWait = isFinal(error) || (error instanceof ApiError && error.retryAfter !== undefined);
        const isDead = !signal.aborted && !mustWait && !hasBegun && ++this.#deadStreams >= deadStreamLimit;
        if (isHeldBack || hasNoStream || isDead) return this.#pollFromNowOn();
        throw error;
      } finally {
        cancel();
        if (this.environment.now() - opened >= silenceLimit) this.#failures = 0;
      }
    });
  }

  #changedBy(active: ActiveParticipations, eventId: string | undefined): Version {
    const document = withJourneys({ ...this.state.document!, active });
    return { document, at: this.environment.now(), eventId };
  }

  /** Returns the least pause after a stream that the server ended. */
  async #afterEnd({ reason }: StreamEnd, signal: AbortSignal): Promise<number> {
    switch (reason) {
      case "consumer_not_found":
        throw new ApiError(404, consumerNotFound, undefined, undefined, undefined);
      case "token_expired":
      case "unauthenticated":
        await this.requests.refresh(this.requests.token, signal);
        return 0;
      case "replaced":
        return this.#retry;
      default:
        return 0;
    }
  }

  #pollFromNowOn(): number {
    this.#deadStreams = 0;
    this.#pollsUntil = this.environment.now() + pollingPeriod;
    return 0;
  }
}

const consumerNotFound = "Consumer not found";

/** Reports whether another request would get the same error. */
function isFinal(error: unknown): error is ApiError {
  return error instanceof ApiError &&
    (error.status === 400 || error.status === 401 || (error.status === 404 && error.error === consumerNotFound));
}
