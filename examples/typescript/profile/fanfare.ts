// The client that the documentation's snippet calls fanfare.

import { createClient } from "@rejoinhq/client";

/** What the shop's own server says about the shopper who is logged in. */
interface Session {
  baseUrl: string;
  publishableKey: string;
  accessToken: string;
}

async function session(): Promise<Session> {
  const response = await fetch(`/session${location.search}`, { cache: "no-store" });
  if (!response.ok) {
    throw new Error(`GET /session: ${response.status}`);
  }
  return (await response.json()) as Session;
}

const first = await session();
let accessToken = first.accessToken;

export const fanfare = createClient({
  baseUrl: first.baseUrl,
  publishableKey: first.publishableKey,
  accessToken: async (options) => {
    if (options?.refresh) {
      ({ accessToken } = await session());
    }
    return accessToken;
  },
  onResume: (admission) => location.assign(`/checkout?token=${encodeURIComponent(admission.admissionToken)}`),
});
