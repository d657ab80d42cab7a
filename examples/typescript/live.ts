// The client against a running server:
//
//	BASE_URL=… PUBLISHABLE_KEY=pk_… ACCESS_TOKEN=… SECRET_KEY=sk_… node build/live.js

import assert from "node:assert/strict";
import { env } from "node:process";

import { createClient } from "@rejoinhq/client";
import { lookupConsumer } from "@rejoinhq/client/server";

function required(name: string): string {
  const value = env[name];
  if (!value) {
    throw new Error(`${name} is missing`);
  }
  return value;
}

const baseUrl = required("BASE_URL");
const secretKey = required("SECRET_KEY");
const client = createClient({
  baseUrl,
  publishableKey: required("PUBLISHABLE_KEY"),
  accessToken: required("ACCESS_TOKEN"),
  onResume: (admission) => `Continue to checkout for ${admission.distributionId}`,
});

const me = await client.consumer.getMe();
console.log(`Welcome, ${me.fullName ?? "Guest"}`);
for (const journey of me.journeys) {
  console.log(`  ${journey.participation.type} ${journey.participation.id}: ${journey.sequenceStage}`);
}
const admission = me.journeys.find((j) => j.journeyStage === "admitted")?.admission;
console.log(admission ? client.checkout.resume(admission) : "No admission yet");

const { id, email, phone, fullName, createdAt } = me;
assert.deepEqual(await lookupConsumer({ baseUrl, secretKey }, id), { id, email, phone, fullName, createdAt }, "the look-up shows the same profile");
assert.equal(await lookupConsumer({ baseUrl, secretKey }, "cons_nobody_has_this_id"), null);
await assert.rejects(lookupConsumer({ baseUrl, secretKey: "sk_test_nobody_has_this_key" }, id), { status: 401, error: "Secret key required" });

// The first document is read, the second one is what the engine of this example writes.
const recordsUrl = required("RECORDS_URL");
let versions = 0;
for await (const version of client.consumer.watch({ signal: AbortSignal.timeout(30_000) })) {
  assert.equal(version.id, id);
  if (++versions === 2) {
    assert.ok(version.journeys.some((j) => j.participation.id === "queue_live"));
    console.log("A change came over the event stream");
    break;
  }
  const now = new Date().toISOString();
  const response = await fetch(recordsUrl, {
    method: "POST",
    headers: { Authorization: `Bearer ${secretKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ consumers: [{ id, participations: [{
      type: "queue", id: "queue_live", experienceId: "exp_live", sequenceId: "seq_live", status: "QUEUED", enteredAt: now, position: 3, updatedAt: now,
    }] }] }),
  });
  assert.equal(response.status, 200);
}
assert.equal(versions, 2, "the client ends when it is told to, and not before");
