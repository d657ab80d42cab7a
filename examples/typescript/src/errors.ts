import type { components } from "./openapi.js";

/** A response of the API that is an error. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** The text of the documentation, such as "Authentication required". */
    readonly error: string,
    /** The id under which the server's log has the request. */
    readonly requestId: string | undefined,
    /** The seconds after which to ask again, if the server says so. */
    readonly retryAfter: number | undefined,
    message: string | undefined,
  ) {
    super(message ? `${error}: ${message}` : error);
  }
}

/**
 * No response of the API came: the network or the server is down, the page's origin is not
 * allowed, or something on the way answered instead.
 */
export class NetworkError extends Error {
  override readonly name = "NetworkError";

  constructor(cause: unknown) {
    super("The server could not be reached", { cause });
  }
}

/** Returns the error of a response. A proxy on the way may send something else than JSON. */
export async function errorOf(response: Response, now: number): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  const { error, message } = { ...(body as Partial<components["schemas"]["Error"]> | undefined) };
  return new ApiError(
    response.status,
    typeof error === "string" ? error : response.statusText || `HTTP ${response.status}`,
    response.headers.get("X-Request-Id") ?? undefined,
    secondsOf(response.headers.get("Retry-After"), now),
    typeof message === "string" ? message : undefined,
  );
}

/** Reads Retry-After, which is a number of seconds or a date (RFC 9110, section 10.2.3). */
function secondsOf(text: string | null, now: number): number | undefined {
  const seconds = /^\d+$/.test(text ?? "") ? Number(text) : (Date.parse(text ?? "") - now) / 1000;
  return seconds >= 0 ? seconds : undefined;
}
