// For servers only: a secret key must never reach a browser.

import { check } from "./environment.js";
import { ApiError, errorOf, NetworkError } from "./errors.js";
import type { Consumer } from "./types.js";

export { ApiError, NetworkError } from "./errors.js";
export type { Consumer } from "./types.js";

export interface LookupOptions {
  /** Where the API is mounted, such as "https://shop.example.com/api/v1/consumers". */
  baseUrl: string;
  /** Begins with `sk_`. */
  secretKey: string;
  signal?: AbortSignal;
}

/**
 * Returns the profile of a consumer of the key's organization, or null if the response is 404.
 * It throws an ApiError for any other error response, and a NetworkError if there is none.
 */
export async function lookupConsumer(options: LookupOptions, consumerId: string): Promise<Consumer | null> {
  const { baseUrl, secretKey, signal = null } = options;
  if (["", ".", ".."].includes(consumerId)) {
    return null; // nobody has such an id, and it would change the path
  }
  try {
    const response = await fetch(`${baseUrl}/${encodeURIComponent(consumerId)}`, { headers: { Authorization: `Bearer ${secretKey}` }, signal });
    if (response.status === 404) {
      return null;
    }
    if (!response.ok) {
      throw await errorOf(response, Date.now());
    }
    return (await response.json()) as Consumer;
  } catch (error) {
    if (signal) check(signal);
    throw error instanceof ApiError ? error : new NetworkError(error);
  }
}
