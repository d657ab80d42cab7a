// The client against a running server:
//
//	BASE_URL=… PUBLISHABLE_KEY=pk_… ACCESS_TOKEN=… SECRET_KEY=sk_… node build/live.js

import assert from "node:assert/strict";
import { env } from "node:process";

import { ApiError, getConsumerProfile, lookupConsumer, resume, watchActive } from "./client.js";

function required(name: string): string {
  const value = env[name];
  if (!value) {
    throw new Error(`${name} is missing`);
  }
  return value;
}

const baseUrl = required("BASE_URL");
const accessToken = required("ACCESS_TOKEN");
const caller = { baseUrl, publishableKey: required("PUBLISHABLE_KEY"), accessToken: () => accessToken };
const server = { baseUrl, secretKey: required("SECRET_KEY") };

const { consumer, active, journeys } = await getConsumerProfile(caller);
console.log(`Welcome, ${consumer.fullName ?? "Guest"}`);
for (const journey of journeys) {
  console.log(`  ${journey.participation.type} ${journey.participation.id}: ${journey.sequenceStage}`);
}
const admission = resume(journeys);
console.log(admission ? `Continue to checkout for ${admission.distributionId}` : "No admission yet");

const found = await lookupConsumer(server, consumer.id);
assert.deepEqual({ ...consumer, createdAt: found?.createdAt }, found, "the look-up shows the same profile");
assert.equal(await lookupConsumer(server, "cons_nobody_has_this_id"), null);
await assert.rejects(lookupConsumer({ ...server, secretKey: "sk_test_nobody_has_this_key" }, consumer.id), {
  status: 401,
  error: "Secret key required",
});

try {
  for await (const state of watchActive(caller, AbortSignal.timeout(10_000))) {
    assert.deepEqual(state, active, "the stream begins with the same state");
    console.log("The event stream begins with the same state");
    break;
  }
} catch (error) {
  if (!(error instanceof ApiError) || error.error !== "Not found") {
    throw error;
  }
  console.log("This server has no event stream");
}
