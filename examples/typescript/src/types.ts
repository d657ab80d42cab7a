// The names of what the API sends, from its OpenAPI description.

import type { components } from "./openapi.js";

type Schemas = components["schemas"];

/** A profile, as servers look it up. */
export type Consumer = Schemas["Consumer"];
/** The document of `GET /me`: the profile and everything that its consumer is in. */
export type ConsumerMe = Schemas["ConsumerMe"];
export type ActiveParticipations = Schemas["ActiveParticipations"];
/** One of the journeys from which a client resumes. */
export type JourneyResume = Schemas["JourneyResume"];
/** What opens the checkout. */
export type Admission = Schemas["Admission"];
export type StreamEnd = Schemas["StreamEnd"];

/** The document of `GET /me`, with its journeys beside `active` too. */
export type Me = ConsumerMe & { journeys: JourneyResume[] };
