export { createClient, type Client, type ClientOptions, type State } from "./client.js";
export { ApiError, NetworkError } from "./errors.js";
export type { Credentials } from "./request.js";
export type { ActiveParticipations, Admission, Consumer, ConsumerMe, JourneyResume, Me } from "./types.js";
