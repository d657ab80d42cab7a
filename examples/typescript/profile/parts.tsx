// The components that the sample page of the API documentation uses and leaves open.

import type { useConsumer } from "@rejoinhq/client/react";

type Journey = ReturnType<typeof useConsumer>["activeJourneys"][number];

export function Loading() {
  return <p role="status">Loading…</p>;
}

export function Error({ message }: { message: string }) {
  return <p role="alert">{message}</p>;
}

const kinds = { queue: "Queue", draw: "Draw", auction: "Auction", timed_release: "Timed release", waitlist: "Waitlist" };

export function JourneyCard({ journey }: { journey: Journey }) {
  const { type, id, status } = journey.participation;
  return (
    <article className="journey">
      <h3>
        {kinds[type]} {id}
      </h3>
      <p className="status">{status}</p>
      <p>
        Experience {journey.experienceId}, sequence {journey.sequenceId}
      </p>
    </article>
  );
}
