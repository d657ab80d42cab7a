import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError, NetworkError } from "../src/errors.js";
import { documentOf, errorResponse, World } from "./world.js";

test("getMe returns the document, with its journeys beside active", async () => {
  const world = new World();
  const me = await world.tab().client.consumer.getMe();
  const document = documentOf("cons_1", 1);
  assert.deepEqual(me, { ...document, journeys: document.active.journeys });
  assert.equal(world.seen[0]?.headers.get("Authorization"), "Bearer token_1");
  assert.equal(world.seen[0]?.headers.get("X-Publishable-Key"), "pk_1");
});

test("a response that is an error is an ApiError", async () => {
  const world = new World();
  world.answer = () =>
    new Response(JSON.stringify({ error: "Too many requests", message: "Slow down.", retryAfter: 7 }), {
      status: 429, headers: { "Retry-After": "7", "X-Request-Id": "r1" },
    });
  await assert.rejects(world.tab().client.consumer.getMe(), (error) => {
    assert.ok(error instanceof ApiError);
    const { name, message, status, error: text, requestId, retryAfter } = error;
    assert.deepEqual({ name, message, status, text, requestId, retryAfter }, {
      name: "ApiError", message: "Too many requests: Slow down.", status: 429, text: "Too many requests", requestId: "r1", retryAfter: 7,
    });
    return true;
  });
});

test("a response that is no JSON is an ApiError too", async () => {
  const world = new World();
  for (const body of ["<h1>Bad gateway</h1>", "null", "[]", '"text"', ""]) {
    world.answer = () => new Response(body, { status: 502, statusText: "Bad Gateway" });
    await assert.rejects(world.tab().client.consumer.getMe(), { name: "ApiError", status: 502, error: "Bad Gateway", requestId: undefined, retryAfter: undefined });
  }
});

test("Retry-After may be a date", async () => {
  const world = new World();
  for (const [header, seconds] of Object.entries({ "Sun, 01 Dec 2024 10:00:42 GMT": 42, "Sun, 01 Dec 2024 09:00:00 GMT": undefined, soon: undefined, "-1": undefined })) {
    world.answer = () => errorResponse(503, "Service unavailable", { "Retry-After": header });
    await assert.rejects(world.tab().client.consumer.getMe(), { retryAfter: seconds });
  }
});

test("no response is a NetworkError, with its cause", async () => {
  const world = new World();
  const cause = new TypeError("Failed to fetch");
  world.answer = () => Promise.reject(cause);
  await assert.rejects(world.tab().client.consumer.getMe(), (error) => error instanceof NetworkError && error.cause === cause);
});

test("a page in place of the document is a NetworkError", async () => {
  const world = new World();
  for (const body of ["<h1>Please log in to this network</h1>", "null", "{}", '{"active":true}', '{"active":{"journeys":[]}}', '{"id":"cons_1","active":{}}']) {
    world.answer = () => new Response(body);
    await assert.rejects(world.tab().client.consumer.getMe(), (error) => error instanceof NetworkError);
  }
});

test("getMe ends with the reason of its signal", async () => {
  const world = new World();
  const { client } = world.tab();
  const reason = new Error("enough");
  await assert.rejects(client.consumer.getMe({ signal: AbortSignal.abort(reason) }), reason);
  assert.deepEqual(world.take(), []);

  world.answer = (_, signal) => new Promise((__, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const leave = new AbortController();
  const me = client.consumer.getMe({ signal: leave.signal });
  await world.settle();
  leave.abort(reason);
  await assert.rejects(me, reason);

  const waiting = world.tab({ accessToken: () => new Promise(() => undefined) }).client.consumer.getMe({ signal: leave.signal });
  await assert.rejects(waiting, reason);
});

test("a token that is refused is refreshed once, and the request repeated", async () => {
  const world = new World();
  const asked: boolean[] = [];
  const { client } = world.tab({ accessToken: ({ refresh }) => (asked.push(refresh), `token_${asked.length}`) });
  world.answer = ({ headers }) => (headers.get("Authorization") === "Bearer token_1" ? errorResponse(401, "Authentication required") : undefined);
  await client.consumer.getMe();
  await client.consumer.getMe();
  assert.deepEqual(asked, [false, true]);

  world.answer = () => errorResponse(401, "Authentication required");
  world.take();
  await assert.rejects(client.consumer.getMe(), { status: 401 });
  assert.deepEqual([asked, world.take()], [[false, true, true], ["/me", "/me"]]);
});

test("a token that is only a text is not refreshed", async () => {
  const world = new World();
  world.answer = () => errorResponse(401, "Authentication required");
  await assert.rejects(world.tab().client.consumer.getMe(), { status: 401 });
  assert.deepEqual(world.take(), ["/me"]);
});

test("requests at the same time refresh a token once", async () => {
  const world = new World();
  let asked = 0;
  const { client } = world.tab({ accessToken: async () => `token_${++asked}` });
  world.answer = ({ headers }) => (headers.get("Authorization") === "Bearer token_1" ? errorResponse(401, "Authentication required") : undefined);
  await Promise.all([client.consumer.getMe(), client.consumer.getMe(), client.consumer.getMe()]);
  assert.equal(asked, 2);
});

test("an error of the function for the token is thrown, and the next request asks again", async () => {
  const world = new World();
  const failed = new Error("logged out");
  let works = false;
  const { client } = world.tab({ accessToken: () => (works ? "token_1" : Promise.reject(failed)) });
  await assert.rejects(client.consumer.getMe(), failed);
  works = true;
  await client.consumer.getMe();
});

test("a function for the token that throws at once is asked again by the next request", async () => {
  const world = new World();
  let works = false;
  const { client } = world.tab({
    accessToken: () => {
      if (!works) throw new Error("logged out");
      return "token_1";
    },
  });
  await assert.rejects(client.consumer.getMe(), /logged out/);
  works = true;
  await client.consumer.getMe();
});

test("checkout.resume calls what the page gave", () => {
  const world = new World();
  const admission = {
    distributionType: "queue", distributionId: "queue_1", experienceId: "exp_1", sequenceId: "seq_1",
    admissionToken: "t", admittedAt: "2024-12-01T09:00:00Z",
  } as const;
  assert.equal(world.tab({ onResume: (a) => `/checkout?token=${a.admissionToken}` }).client.checkout.resume(admission), "/checkout?token=t");
  assert.throws(() => world.tab().client.checkout.resume(admission), /onResume/);
});
