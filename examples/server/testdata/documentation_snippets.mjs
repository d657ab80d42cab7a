// The snippets of the sections "Direct API Usage", "Server-Side Consumer Lookup" and "Using
// Journeys for SDK Resume" of Fanfare's Consumer Identity API documentation, unchanged but
// for the base URL.
const base = process.env.BASE;
const publishableKey = process.env.PUBLISHABLE_KEY;

async function getConsumerProfile(accessToken) {
  const response = await fetch(`${base}/api/v1/consumers/me`, {
    headers: {
      "X-Publishable-Key": publishableKey,
      Authorization: `Bearer ${accessToken}`,
    },
  });

  if (!response.ok) {
    throw new Error("Failed to fetch consumer profile");
  }

  const data = await response.json();

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

async function lookupConsumer(consumerId) {
  const response = await fetch(`${base}/api/v1/consumers/${consumerId}`, {
    headers: {
      Authorization: `Bearer ${process.env.FANFARE_SECRET_KEY}`,
    },
  });

  if (!response.ok) {
    if (response.status === 404) {
      return null;
    }
    throw new Error("Failed to lookup consumer");
  }

  return response.json();
}

const { consumer, journeys } = await getConsumerProfile(process.env.ACCESS_TOKEN);
console.log("me:", consumer.id, consumer.email, consumer.fullName);

const activeJourney = journeys.find((j) => j.journeyStage === "admitted");
if (activeJourney?.admission) {
  console.log("resumes:", activeJourney.admission.distributionId, activeJourney.admission.admissionToken);
}

const found = await lookupConsumer(consumer.id);
console.log("look-up:", found.id, found.email, found.phone);
console.log("unknown:", await lookupConsumer("cons_unknown"));
process.env.FANFARE_SECRET_KEY = "sk_test_unknown0000000000000";
await lookupConsumer(consumer.id).catch((error) => console.log("without a key:", error.message));
