// SDK automatically reads journeys from /consumers/me
const { journeys } = await fanfare.consumer.getMe();

// Find the most relevant journey
const activeJourney = journeys.find((j) => j.journeyStage === "admitted");

if (activeJourney?.admission) {
  // Resume checkout flow
  fanfare.checkout.resume(activeJourney.admission);
}
