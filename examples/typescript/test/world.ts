// A world for the client: a clock that only the test moves, a server, and tabs of a browser.

import assert from "node:assert/strict";

import { createClientIn, type Client, type ClientOptions } from "../src/client.js";
import type { Environment } from "../src/environment.js";
import type { ActiveParticipations, ConsumerMe, JourneyResume } from "../src/types.js";

/** What is in the queue at a position, with nothing else. */
export function queued(position: number): ActiveParticipations {
  const journey: JourneyResume = {
    experienceId: "exp_1", sequenceId: "seq_1", journeyStage: "routed", sequenceStage: "participating",
    participation: { type: "queue", id: "queue_1", status: "QUEUED" },
  };
  return {
    experiences: {}, draws: {}, auctions: {}, timedReleases: {}, admissions: {}, journeys: [journey],
    queues: { queue_1: { queueId: "queue_1", status: "QUEUED", position, enteredAt: "2024-12-01T09:00:00Z" } },
  };
}

export function documentOf(id: string, position: number): ConsumerMe {
  return { id, email: "ada@example.com", phone: null, fullName: "Ada", createdAt: "2024-01-01T00:00:00Z", active: queued(position) };
}

/** Returns the position in the queue that a document shows. */
export function positionIn(document: { active: ActiveParticipations } | undefined): number | null | undefined {
  return document?.active.queues["queue_1"]?.position;
}

/** A request, as the server sees it. */
export interface Seen {
  path: string;
  headers: Headers;
}

/** An event stream that the test writes. */
export class Stream {
  isOpen = true;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly response: Response;

  constructor(readonly seen: Seen, signal: AbortSignal) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      cancel: () => void (this.isOpen = false),
    });
    signal.addEventListener("abort", () => {
      if (this.isOpen) this.#controller.error(signal.reason);
      this.isOpen = false;
    });
    this.response = new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  }

  write(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }

  active(id: string, active: ActiveParticipations): void {
    this.write(`event: active\nid: ${id}\ndata: ${JSON.stringify(active)}\n\n`);
  }

  end(reason: string): void {
    this.write(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
  }

  /** Breaks the connection. */
  cut(): void {
    this.isOpen = false;
    this.#controller.error(new TypeError("terminated"));
  }

  close(): void {
    this.isOpen = false;
    this.#controller.close();
  }
}

export function json(value: unknown, init?: ResponseInit): Response {
  return new Response(JSON.stringify(value), { ...init, headers: { "Content-Type": "application/json", ...init?.headers } });
}

export function errorResponse(status: number, error: string, headers: Record<string, string> = {}): Response {
  return json({ error }, { status, headers });
}

type Answer = Response | Promise<Response> | undefined;

export class World {
  time = Date.parse("2024-12-01T10:00:00Z");
  /** From 0 to 1: how much of each random pause is waited. */
  random = 0;
  readonly seen: Seen[] = [];
  readonly streams: Stream[] = [];
  position = 1;
  /** Answers in place of the server, if it returns something. */
  answer: (seen: Seen, signal: AbortSignal) => Answer = () => undefined;
  readonly #timers = new Set<{ at: number; call: () => void }>();
  readonly #locks = new Map<string, { holds: boolean; waiting: (() => void)[] }>();
  readonly #channels = new Set<FakeChannel>();

  /** Opens a tab, which can be hidden on its own. */
  tab(options: Partial<ClientOptions<string>> & { shares?: boolean } = {}): Tab {
    return new Tab(this, options);
  }

  /** The streams that are open. */
  open(): Stream[] {
    return this.streams.filter((stream) => stream.isOpen);
  }

  /** The paths that were asked for since the last call. */
  take(): string[] {
    return this.seen.splice(0).map(({ path }) => path);
  }

  async fetch(path: string, headers: Headers, signal: AbortSignal): Promise<Response> {
    const seen = { path, headers };
    this.seen.push(seen);
    const given = await this.answer(seen, signal);
    if (given) return given;
    if (path === "/me") {
      const etag = `"${this.position}"`;
      return headers.get("If-None-Match") === etag
        ? new Response(null, { status: 304, headers: { ETag: etag } })
        : json(documentOf("cons_1", this.position), { headers: { ETag: etag } });
    }
    const stream = new Stream(seen, signal);
    this.streams.push(stream);
    return stream.response;
  }

  after(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.time + milliseconds, call };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves the clock, and runs what is due on the way. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    for (;;) {
      await this.settle();
      const [due] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!due) break;
      this.#timers.delete(due);
      this.time = Math.max(this.time, due.at);
      due.call();
    }
    this.time = end;
  }

  /** Lets everything run that waits for no clock and no server. */
  async settle(): Promise<void> {
    for (let n = 0; n < 30; n++) await new Promise((done) => setImmediate(done));
  }

  /** The milliseconds until the last timer. */
  get latest(): number {
    return Math.max(...[...this.#timers].map(({ at }) => at - this.time));
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  lock(name: string, signal: AbortSignal, run: () => Promise<unknown>): Promise<void> {
    const lock = this.#locks.get(name) ?? { holds: false, waiting: [] };
    this.#locks.set(name, lock);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const leave = (): void => {
        lock.waiting.splice(lock.waiting.indexOf(start), 1);
        reject(signal.reason);
      };
      const start = (): void => {
        signal.removeEventListener("abort", leave);
        lock.holds = true;
        run().then(() => resolve(), reject).finally(() => {
          lock.holds = false;
          lock.waiting.shift()?.();
        });
      };
      if (!lock.holds) return start();
      lock.waiting.push(start);
      signal.addEventListener("abort", leave);
    });
  }

  openChannel(name: string): BroadcastChannel {
    const channel = new FakeChannel(name, this.#channels);
    this.#channels.add(channel);
    return channel as unknown as BroadcastChannel;
  }

  /** The names of the groups of tabs. */
  groups(): string[] {
    return [...new Set([...this.#channels].map(({ name }) => name))];
  }
}

class FakeChannel {
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(readonly name: string, readonly all: Set<FakeChannel>) {}

  postMessage(data: unknown): void {
    assert.ok(this.all.has(this), "a closed channel is not written to");
    for (const other of this.all) {
      const copy = structuredClone(data);
      if (other !== this && other.name === this.name) setImmediate(() => this.all.has(other) && other.onmessage?.({ data: copy }));
    }
  }

  close(): void {
    this.all.delete(this);
  }
}

export class Tab {
  readonly client: Client<string>;
  readonly #wake = new Set<() => void>();
  #isShown = true;
  #isOnline = true;

  constructor(world: World, { shares = true, ...options }: Partial<ClientOptions<string>> & { shares?: boolean }) {
    const baseUrl = "https://shop.example.com/api/v1/consumers";
    const environment: Environment = {
      fetch: async (input, init) => {
        assert.ok(init?.signal && init.headers instanceof Headers);
        return world.fetch(String(input).slice(baseUrl.length), init.headers, init.signal);
      },
      now: () => world.time,
      random: () => world.random,
      after: (milliseconds, call) => world.after(milliseconds, call),
      isAwake: () => this.#isShown && this.#isOnline,
      onWake: (call) => {
        this.#wake.add(call);
        return () => void this.#wake.delete(call);
      },
      ...(shares && {
        tabs: {
          locks: { request: (name: string, o: { signal: AbortSignal }, run: () => Promise<unknown>) => world.lock(name, o.signal, run) } as LockManager,
          open: (name) => world.openChannel(name),
        },
      }),
    };
    this.client = createClientIn(environment, { baseUrl, publishableKey: "pk_1", accessToken: "token_1", ...options });
  }

  show(isShown: boolean): void {
    this.#isShown = isShown;
    for (const call of [...this.#wake]) call();
  }

  setOnline(isOnline: boolean): void {
    this.#isOnline = isOnline;
    for (const call of [...this.#wake]) call();
  }

  get listeners(): number {
    return this.#wake.size;
  }

  get position(): number | null | undefined {
    return positionIn(this.client.consumer.state().document);
  }
}
