// Shows the sample page of the API documentation. With ?resume, its other snippet runs in place of the page,
// and goes to the checkout if the shopper is admitted. With ?hooks=10, ten more components
// use the hook: all of them share one connection.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { RejoinProvider, useConsumer } from "@rejoinhq/client/react";

import { fanfare } from "./fanfare.js";
import { ProfilePage } from "./generated/ProfilePage.js";

function Count() {
  const { activeJourneys } = useConsumer();
  return <p className="count">Journeys: {activeJourneys.length}</p>;
}

const options = new URLSearchParams(location.search);
if (options.has("resume")) {
  await import("./generated/resume.js");
} else {
  const counts = Array.from({ length: Number(options.get("hooks")) }, (_, n) => <Count key={n} />);
  createRoot(document.getElementById("page")!).render(
    <StrictMode>
      <RejoinProvider client={fanfare}>
        <ProfilePage />
        {counts}
      </RejoinProvider>
    </StrictMode>,
  );
}
