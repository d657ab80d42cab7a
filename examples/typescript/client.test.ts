// The client against a server that answers as the description says: tsc checks that
// what it answers has the described types.

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";

import * as client from "./client.js";

const nothing: client.ActiveParticipations = {
  experiences: {}, queues: {}, draws: {}, auctions: {}, timedReleases: {}, admissions: {}, journeys: [],
};
const admission: client.Admission = {
  distributionType: "draw", distributionId: "draw_1", experienceId: "exp_1", sequenceId: "seq_1",
  admissionToken: "t", admittedAt: "2024-12-01T09:15:00Z",
};
const queued: client.JourneyResume = {
  experienceId: "exp_1", sequenceId: "seq_2", journeyStage: "routed", sequenceStage: "participating",
  participation: { type: "queue", id: "queue_1", status: "QUEUED" },
};
const admitted: client.JourneyResume = {
  experienceId: "exp_1", sequenceId: "seq_1", journeyStage: "admitted", sequenceStage: "admitted",
  participation: { type: "draw", id: "draw_1", status: "WON", admissionToken: "t" }, admission,
};

/** Serves until the test ends, and returns the URL. */
async function serve(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((listening) => server.once("listening", listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("resumes the first admitted journey", () => {
  assert.deepEqual(client.resume([queued, admitted]), admission);
  assert.equal(client.resume([queued]), undefined);
  assert.equal(client.resume([]), undefined);
});

test("looks a consumer up", async (t) => {
  const known: client.Consumer = { id: "cons_1", email: null, phone: null, fullName: "A", createdAt: "2024-12-01T09:00:00Z" };
  const baseUrl = await serve(t, (request, response) => {
    const found = request.url === "/cons_1";
    response.statusCode = request.headers.authorization !== "Bearer sk" ? 401 : found ? 200 : 404;
    response.setHeader("X-Request-Id", "r1");
    response.end(JSON.stringify(response.statusCode === 401 ? { error: "Secret key required", message: "No." } : known));
  });
  assert.deepEqual(await client.lookupConsumer({ baseUrl, secretKey: "sk" }, "cons_1"), known);
  assert.equal(await client.lookupConsumer({ baseUrl, secretKey: "sk" }, "cons_2"), null);
  await assert.rejects(client.lookupConsumer({ baseUrl, secretKey: "other" }, "cons_1"), {
    name: "ApiError", message: "Secret key required: No.", status: 401, error: "Secret key required", requestId: "r1", retryAfter: undefined,
  });
});

test("an answer that is no JSON is an ApiError too", async (t) => {
  const baseUrl = await serve(t, (_, response) => {
    response.writeHead(503, { "Retry-After": "2" }).end("<html>");
  });
  await assert.rejects(client.getMe({ baseUrl, publishableKey: "pk", accessToken: () => "t" }), { status: 503, retryAfter: 2 });
});

test("watches, connects again where it was, and ends with the consumer", async (t) => {
  const asked: unknown[] = [];
  const later: client.ActiveParticipations = { ...nothing, journeys: [admitted] };
  const active = (id: string, state: client.ActiveParticipations) => `event: active\nid: ${id}\ndata: ${JSON.stringify(state)}\n\n`;
  const baseUrl = await serve(t, (request, response) => {
    asked.push([request.url, request.headers.authorization, request.headers["last-event-id"]]);
    switch (asked.length) {
      case 1:
        response.writeHead(503, { "Retry-After": "0" }).end("{}");
        break;
      case 2: {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        const wire = `retry: 1\n\n${active("1", nothing)}: heartbeat\n\nevent: end\ndata: {"reason":"token_expired"}\n\n`;
        response.write(wire.slice(0, 40)); // events come in pieces
        setImmediate(() => response.end(wire.slice(40)));
        break;
      }
      case 3:
        request.socket.destroy();
        break;
      default:
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.end(`${active("2", later)}event: end\ndata: {"reason":"consumer_not_found"}\n\n`);
    }
  });
  let tokens = 0;
  const seen: client.ActiveParticipations[] = [];
  const caller: client.Caller = { baseUrl, publishableKey: "pk", accessToken: () => `t${++tokens}` };
  for await (const state of client.watchActive(caller, AbortSignal.timeout(20_000))) {
    seen.push(state);
  }
  assert.deepEqual(seen, [nothing, later]);
  assert.deepEqual(asked, [
    ["/me/events", "Bearer t1", undefined],
    ["/me/events", "Bearer t2", undefined],
    ["/me/events", "Bearer t3", "1"],
    ["/me/events", "Bearer t4", "1"],
  ]);
});

test("a refusal for good is thrown, and an abort ends quietly", async (t) => {
  const baseUrl = await serve(t, (_, response) => {
    response.writeHead(404).end(JSON.stringify({ error: "Not found" }));
  });
  const caller: client.Caller = { baseUrl, publishableKey: "pk", accessToken: () => "t" };
  await assert.rejects(client.watchActive(caller, AbortSignal.timeout(20_000)).next(), { status: 404, error: "Not found" });
  assert.deepEqual(await client.watchActive(caller, AbortSignal.abort()).next(), { done: true, value: undefined });
});
