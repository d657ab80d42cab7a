// A client after the snippets of the API's documentation ("Using Journeys for SDK
// Resume", "Direct API Usage", "Server-Side Consumer Lookup"), with every type taken
// from the OpenAPI description, and with the event stream, which is rejoin's addition.

import { setTimeout as sleep } from "node:timers/promises";

import { EventSourceParserStream } from "eventsource-parser/stream";

import type { components, paths } from "./openapi.js";

/** What a path answers when all is well. */
type Answer<Path extends "/me" | "/{id}"> =
  paths[Path]["get"]["responses"][200]["content"]["application/json"];

export type ConsumerMe = Answer<"/me">;
export type Consumer = Answer<"/{id}">;
export type ActiveParticipations = ConsumerMe["active"];
export type JourneyResume = ActiveParticipations["journeys"][number];
export type Admission = components["schemas"]["Admission"];
export type StreamEvent = components["schemas"]["StreamEvent"];
export type StreamEnd = components["schemas"]["StreamEnd"];

/** Who asks for their own document: a browser or app. */
export interface Caller {
  /** Where the API is mounted, such as "https://shop.example.com/api/v1/consumers". */
  baseUrl: string;
  publishableKey: string;
  /** Asked for each request, so that it can bring a new token once the old one expired. */
  accessToken: () => string | Promise<string>;
}

/** Who asks for anybody of an organization: a server. */
export interface Server {
  baseUrl: string;
  secretKey: string;
}

/** An answer that is an error of the API. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** The text that stands in the documentation, such as "Authentication required". */
    readonly error: string,
    /** The name of the request, for whoever looks into the server's log. */
    readonly requestId: string | null,
    /** The seconds after which to ask again, when the server says so. */
    readonly retryAfter: number | undefined,
    detail: string | undefined,
  ) {
    super(detail === undefined ? error : `${error}: ${detail}`);
    this.name = "ApiError";
  }

  static async of(response: Response): Promise<ApiError> {
    const retryAfter = response.headers.get("Retry-After");
    // A proxy on the way may answer with something else than JSON.
    const body = (await response.json().catch(() => ({ error: response.statusText }))) as components["schemas"]["Error"];
    return new ApiError(
      response.status,
      body.error,
      response.headers.get("X-Request-Id"),
      retryAfter === null ? undefined : Number(retryAfter),
      body.message,
    );
  }
}

async function credentials(caller: Caller): Promise<Record<string, string>> {
  return {
    "X-Publishable-Key": caller.publishableKey,
    Authorization: `Bearer ${await caller.accessToken()}`,
  };
}

export async function getMe(caller: Caller): Promise<ConsumerMe> {
  const response = await fetch(`${caller.baseUrl}/me`, { headers: await credentials(caller) });
  if (!response.ok) {
    throw await ApiError.of(response);
  }
  return (await response.json()) as ConsumerMe;
}

/** The admission to go to the checkout with, if there is one: the freshest stands first. */
export function resume(journeys: JourneyResume[]): Admission | undefined {
  const activeJourney = journeys.find((j) => j.journeyStage === "admitted");
  return activeJourney?.admission;
}

export async function getConsumerProfile(caller: Caller) {
  const data = await getMe(caller);
  return {
    consumer: {
      id: data.id,
      email: data.email,
      phone: data.phone,
      fullName: data.fullName,
    },
    active: data.active,
    journeys: data.active.journeys,
  };
}

export async function lookupConsumer(server: Server, consumerId: string): Promise<Consumer | null> {
  const response = await fetch(`${server.baseUrl}/${encodeURIComponent(consumerId)}`, {
    headers: { Authorization: `Bearer ${server.secretKey}` },
  });
  if (!response.ok) {
    if (response.status === 404) {
      return null;
    }
    throw await ApiError.of(response);
  }
  return (await response.json()) as Consumer;
}

/**
 * What the caller takes part in, at once and then whenever it changes. It connects
 * again by itself, and ends when the signal is aborted or the consumer was deleted.
 * It throws an ApiError when the server refuses for good, which is also how a server
 * without an event stream answers (404).
 */
export async function* watchActive(caller: Caller, signal: AbortSignal): AsyncGenerator<ActiveParticipations> {
  let lastEventId: string | undefined;
  let retry = 1000; // ms, until the server says otherwise
  while (!signal.aborted) {
    let pause = 0;
    try {
      const headers = await credentials(caller);
      if (lastEventId !== undefined) {
        headers["Last-Event-ID"] = lastEventId;
      }
      const response = await fetch(`${caller.baseUrl}/me/events`, { headers, signal });
      if (!response.ok || response.body === null) {
        throw await ApiError.of(response);
      }
      const events = response.body
        .pipeThrough(new TextDecoderStream())
        .pipeThrough(new EventSourceParserStream({ onRetry: (ms) => (retry = ms) }));
      for await (const message of events) {
        const event = message as StreamEvent;
        switch (event.event) {
          case "active":
            lastEventId = event.id;
            yield JSON.parse(event.data) as ActiveParticipations;
            break;
          case "end":
            if ((JSON.parse(event.data) as StreamEnd).reason === "consumer_not_found") {
              return;
            }
        }
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (error instanceof ApiError) {
        if (error.retryAfter === undefined) {
          throw error;
        }
        pause = error.retryAfter * 1000;
      }
      // Anything else is the network's, and passes.
    }
    // Not all clients at once, when a server went away under them.
    pause = Math.max(pause, retry) * (1 + Math.random());
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}
