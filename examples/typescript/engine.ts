// A short queue engine that reports to rejoin over HTTP, with types from the OpenAPI
// description of the records endpoints. It puts a consumer into a queue, calls the next
// ticket, and admits the consumer:
//
//	RECORDS_URL=http://127.0.0.1:8080/api/v1/records SECRET_KEY=sk_test_… node build/engine.js cons_1
//
// Every request can be repeated: a record that is already stored changes nothing. That is
// why `send` tries again when it gets no response or 503.

import { randomBytes } from "node:crypto";
import { argv, env, exit } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

import type { components } from "./src/records.js";

type Batch = components["schemas"]["Batch"];
type Participation = components["schemas"]["Participation"];
type WriteResult = components["schemas"]["WriteResult"];
type RecordsError = components["schemas"]["Error"];

/** The records endpoints of one organization. */
class Records {
  constructor(
    private readonly url: string,
    private readonly secretKey: string,
  ) {}

  /** Writes a batch and returns the numbers of applied and stale records. */
  async send(batch: Batch, attempts = 5): Promise<WriteResult> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.post(batch).catch((error: unknown) => {
        if (attempt === attempts) {
          throw error;
        }
        return undefined;
      });
      if (response?.ok) {
        return (await response.json()) as WriteResult;
      }
      const again = response === undefined || response.status === 429 || response.status === 503;
      if (!again || attempt === attempts) {
        const { error, details } = (await response!.json()) as RecordsError;
        throw new Error(`${response!.status} ${error}: ${(details ?? []).map((d) => `${d.field} ${d.message}`).join("; ")}`);
      }
      await sleep(1000 * Number(response?.headers.get("Retry-After") ?? attempt));
    }
  }

  private post(batch: Batch): Promise<Response> {
    return fetch(this.url, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.secretKey}`, "Content-Type": "application/json" },
      body: JSON.stringify(batch),
      signal: AbortSignal.timeout(10_000),
    });
  }
}

const [url, secretKey, consumerId] = [env["RECORDS_URL"], env["SECRET_KEY"], argv[2]];
if (!url || !secretKey || !consumerId) {
  console.error("usage: RECORDS_URL=… SECRET_KEY=sk_… node build/engine.js CONSUMER_ID");
  exit(2);
}

const records = new Records(url, secretKey);
const enteredAt = new Date().toISOString();
const place = { type: "queue", id: "queue_typescript", experienceId: "exp_typescript", sequenceId: "seq_typescript", enteredAt } as const;

// A new consumer enters the queue with a ticket.
const queued: Participation = { ...place, status: "QUEUED", ticket: 1, updatedAt: enteredAt };
const profile = { id: consumerId, fullName: "Terry TypeScript", createdAt: enteredAt, updatedAt: enteredAt };
console.log("enter", await records.send({ consumers: [{ ...profile, participations: [queued] }] }));

// One record moves everybody in the queue.
console.log("serve", await records.send({ distributions: [{ type: "queue", id: place.id, serving: 1, updatedAt: new Date().toISOString() }] }));

// The consumer is admitted to the checkout.
const admittedAt = new Date(Date.now() + 1).toISOString(); // later than enteredAt, in milliseconds
const admitted: Participation = {
  ...place,
  status: "ADMITTED",
  position: 0,
  admittedAt,
  admissionToken: `demo_${randomBytes(12).toString("base64url")}`,
  expiresAt: new Date(Date.now() + 600_000).toISOString(),
  updatedAt: admittedAt,
};
console.log("admit", await records.send({ consumers: [{ id: consumerId, participations: [admitted] }] }));
