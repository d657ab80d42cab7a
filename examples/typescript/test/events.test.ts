import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../src/errors.js";
import type { Me } from "../src/types.js";
import { documentOf, errorResponse, json, positionIn, queued, World, type Tab } from "./world.js";

/** Watches until the signal is aborted, and keeps what came. */
function watch(tab: Tab, signal?: AbortSignal) {
  const seen = { positions: [] as unknown[], documents: [] as Me[], ended: undefined as unknown };
  void (async () => {
    try {
      for await (const me of tab.client.consumer.watch(signal ? { signal } : {})) {
        seen.documents.push(me);
        seen.positions.push(positionIn(me));
      }
      seen.ended = "quietly";
    } catch (error) {
      seen.ended = error;
    }
  })();
  return seen;
}

/** Returns a tab that watches, and has its stream. */
async function watching(options?: Parameters<World["tab"]>[0]) {
  const world = new World();
  const tab = world.tab(options);
  const leave = new AbortController();
  const seen = watch(tab, leave.signal);
  await world.settle();
  assert.deepEqual(world.take(), ["/me", "/me/events"]);
  return { world, tab, seen, leave, stream: world.streams[0]! };
}

test("watch yields the document, and then each change", async () => {
  const { world, seen, stream } = await watching();
  stream.write("retry: 2000\n\n: heartbeat\n\n");
  stream.active("one", queued(1)); // which is known
  await world.settle();
  assert.deepEqual(seen.positions, [1]);
  stream.active("two", queued(0));
  await world.settle();
  const document = documentOf("cons_1", 0);
  assert.deepEqual(seen.documents[1], { ...document, journeys: document.active.journeys });
  assert.deepEqual(world.take(), []);
});

test("an event may come in pieces, with either line end, and unknown events are ignored", async () => {
  const { world, seen, stream } = await watching();
  const text = `\uFEFFevent: other\r\ndata: {\r\n\r\nid: one\nevent: active\r\ndata: {\ndata:${JSON.stringify(queued(7)).slice(1)}\n\n`;
  for (const byte of text) stream.write(byte);
  await world.settle();
  assert.deepEqual(seen.positions, [1, 7]);
});

test("a slow reader gets the newest version", async () => {
  const { world, tab, stream } = await watching();
  const slow = tab.client.consumer.watch();
  assert.equal(positionIn((await slow.next()).value as Me), 1);
  for (const position of [5, 4, 3]) stream.active(`p${position}`, queued(position));
  await world.settle();
  assert.equal(positionIn((await slow.next()).value as Me), 3);
  await slow.return();
});

test("after a lost connection it goes on from the last event", async () => {
  const { world, seen, stream } = await watching();
  stream.active("one", queued(2));
  await world.settle();
  stream.cut();
  await world.advance(0);
  assert.deepEqual(world.take(), ["/me/events"]);
  assert.equal(world.streams[1]?.seen.headers.get("Last-Event-ID"), "one");
  assert.equal(world.streams[0]?.seen.headers.get("Last-Event-ID"), null);
  world.streams[1]?.active("two", queued(1));
  await world.settle();
  assert.deepEqual(seen.positions, [1, 2, 1]);
});

test("after a document that is newer than the last event it names no event", async () => {
  const { world, stream } = await watching();
  stream.active("one", queued(2));
  await world.settle();
  await world.advance(0);
  world.position = 9;
  world.time += 300_000; // the profile is old
  stream.cut();
  await world.advance(0);
  assert.deepEqual(world.take(), ["/me", "/me/events"]);
  assert.equal(world.streams[1]?.seen.headers.get("Last-Event-ID"), null);
});

test("the pause after a lost connection is random, up to what retry says", async () => {
  const { world, stream } = await watching();
  world.random = 0.999;
  stream.write("retry: 4000\n\n");
  await world.advance(9_000);
  stream.active("one", queued(2));
  await world.advance(1_000);
  stream.close();
  await world.advance(3_900);
  assert.deepEqual(world.take(), []);
  await world.advance(100);
  assert.deepEqual(world.take(), ["/me/events"]);
});

test("the pause after failures doubles up to 30 seconds, and begins anew after a success", async () => {
  const world = new World();
  world.random = 1;
  world.answer = () => errorResponse(500, "Internal server error");
  watch(world.tab());
  await world.settle();
  for (const pause of [2, 4, 8, 16, 30, 30]) {
    assert.deepEqual(world.take(), ["/me"]);
    await world.advance(pause * 1000 - 1);
    assert.deepEqual(world.take(), [], `not before ${pause} s`);
    await world.advance(1);
  }
  world.take();
  world.answer = () => undefined;
  await world.advance(30_000);
  assert.deepEqual(world.take(), ["/me", "/me/events"]);
  world.streams[0]?.cut();
  await world.advance(2_000);
  assert.deepEqual(world.take(), ["/me/events"]);
});

test("Retry-After is waited, and a random pause on top", async () => {
  const world = new World();
  world.random = 0.5;
  world.answer = () => errorResponse(503, "Service unavailable", { "Retry-After": "20" });
  watch(world.tab());
  await world.settle();
  world.take();
  await world.advance(20_999);
  assert.deepEqual(world.take(), []);
  await world.advance(1);
  assert.deepEqual(world.take(), ["/me"]);
});

for (const [rule, answer] of Object.entries({
  "a server without a stream is polled": () => errorResponse(404, "Not found"),
  "a stream whose body cannot be read is polled in its place": () => new Response(null, { status: 200 }),
})) {
  test(rule, async () => {
    const world = new World();
    world.answer = ({ path }) => (path === "/me/events" ? answer() : undefined);
    const seen = watch(world.tab());
    await world.advance(0);
    assert.deepEqual(world.take(), ["/me", "/me/events", "/me"]);
    world.position = 2;
    await world.advance(5_000);
    await world.advance(5_000);
    assert.equal(world.seen[0]?.headers.get("If-None-Match"), '"1"');
    assert.equal(world.seen[1]?.headers.get("If-None-Match"), '"2"');
    assert.deepEqual(world.take(), ["/me", "/me"]);
    assert.deepEqual(seen.positions, [1, 2]);

    // After five minutes it tries a stream again.
    world.answer = () => undefined;
    await world.advance(290_000);
    assert.deepEqual(world.take().at(-1), "/me/events");
    await world.advance(9_000);
    assert.deepEqual(world.take(), []);
  });
}

test("a stream that ends at once again and again is opened less and less often", async () => {
  const { world } = await watching();
  world.random = 1;
  for (const pause of [2, 4, 8, 16, 30, 30]) {
    world.streams.at(-1)?.active("one", queued(2));
    await world.settle();
    world.streams.at(-1)?.close();
    await world.advance(pause * 1000 - 1);
    assert.deepEqual(world.take(), [], `not before ${pause} s`);
    await world.advance(1);
    assert.deepEqual(world.take(), ["/me/events"]);
  }
});

test("a page in place of a stream is not read, and the document is polled", async () => {
  const world = new World();
  world.answer = ({ path }) => (path === "/me/events" ? new Response("<h1>Shop</h1>", { headers: { "Content-Type": "text/html" } }) : undefined);
  watch(world.tab());
  await world.advance(4_999);
  assert.deepEqual(world.take(), ["/me", "/me/events", "/me"]);
});

test("a listener that throws disturbs nobody else", async (t) => {
  const { world, tab, seen, stream } = await watching();
  const thrown: unknown[] = [];
  const keep = (error: unknown): void => void thrown.push(error);
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", keep);
  t.after(() => {
    process.removeAllListeners("uncaughtException");
    before.forEach((listener) => process.on("uncaughtException", listener));
  });
  tab.client.consumer.subscribe(() => {
    throw new Error("mine");
  });
  stream.active("two", queued(2));
  await world.settle();
  assert.deepEqual([seen.positions, world.open().length, thrown.map(String)], [[1, 2], 1, ["Error: mine"]]);
});

test("an answer that is no document does not stop the page", async () => {
  const world = new World();
  world.random = 1;
  world.answer = () => json({ active: { journeys: [] } });
  const seen = watch(world.tab());
  await world.advance(1_000);
  assert.deepEqual([world.take(), seen.positions], [["/me"], []]);
});

for (const interval of ["-60", "0", "0.001", "NaN", "soon", "100000"]) {
  test(`X-Poll-Interval ${interval} is no reason to ask without a pause or hardly ever`, async () => {
    const world = new World();
    world.random = 0.5;
    world.answer = ({ path }) =>
      path === "/me/events" ? errorResponse(404, "Not found") : json(documentOf("cons_1", 1), { headers: { "X-Poll-Interval": interval } });
    watch(world.tab());
    await world.advance(302_000);
    const requests = world.take().length;
    assert.ok(requests >= 4 && requests < 80, `${requests} requests`);
  });
}

for (const [what, answer] of Object.entries({
  "is forbidden": () => errorResponse(403, "Forbidden"),
  "has a bad gateway": () => errorResponse(502, "Bad gateway"),
  "is reset": () => Promise.reject(new TypeError("Failed to fetch")),
  "is empty": () => new Response("", { headers: { "Content-Type": "text/event-stream" } }),
})) {
  test(`a stream that ${what} again and again is polled in its place`, async () => {
    const world = new World();
    world.random = 0.5;
    world.answer = ({ path }) => (path === "/me/events" ? answer() : undefined);
    const seen = watch(world.tab());
    await world.advance(20_000);
    world.position = 2;
    await world.advance(10_000);
    assert.deepEqual(seen.positions, [1, 2]);
  });
}

test("a document is remembered with the token that it was asked for with", async () => {
  const world = new World();
  let n = 0;
  const tab = world.tab({ accessToken: () => `token_${++n}` });
  let respond: (response: Response) => void = () => undefined;
  world.answer = ({ path, headers }) => {
    const token = headers.get("Authorization")?.slice("Bearer ".length);
    if (path === "/me" && token === "token_1" && world.seen.length === 1) return new Promise((resolve) => (respond = resolve));
    if (token === "token_1") return errorResponse(401, "Authentication required");
    return path === "/me" ? json(documentOf("cons_2", 8)) : undefined;
  };
  const seen = watch(tab);
  await world.settle();
  await tab.client.consumer.getMe(); // refreshes the token, which is another consumer's now
  respond(json(documentOf("cons_1", 1)));
  await world.advance(0);
  world.open()[0]?.active("x", queued(77));
  await world.settle();
  assert.deepEqual(seen.documents.map(({ id, active }) => [id, positionIn({ active })]), [["cons_1", 1], ["cons_2", 8], ["cons_2", 77]]);
});

test("no answer in time is a NetworkError", async () => {
  const world = new World();
  world.answer = (_, signal) => new Promise((__, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const tab = world.tab();
  watch(tab);
  await world.advance(30_000);
  assert.equal(tab.client.consumer.state().error?.name, "NetworkError");
});

test("X-Poll-Interval is heeded, also of a response with 304", async () => {
  const world = new World();
  world.answer = ({ path, headers }) =>
    path === "/me/events" ? errorResponse(404, "Not found")
    : headers.has("If-None-Match") ? new Response(null, { status: 304, headers: { ETag: '"1"', "X-Poll-Interval": "60" } })
    : json(documentOf("cons_1", 1), { headers: { ETag: '"1"', "X-Poll-Interval": "2" } });
  watch(world.tab());
  await world.advance(59_999);
  assert.deepEqual(world.take(), ["/me", "/me/events", "/me"]);
  await world.advance(1);
  assert.deepEqual(world.take(), ["/me"]);
});

test("a document that is as it was before a change in between is shown again", async () => {
  const world = new World();
  const seen = watch(world.tab());
  await world.settle();
  world.streams[0]?.active("two", queued(2));
  await world.settle();
  world.answer = ({ path }) => (path === "/me/events" ? errorResponse(404, "Not found") : undefined);
  world.streams[0]?.cut();
  await world.advance(0); // GET /me answers 304: it is the document that was read first
  assert.deepEqual(seen.positions, [1, 2, 1]);
});

test("a stream from which nothing comes for 10 s is held back, and polled in its place", async () => {
  const { world, stream } = await watching();
  await world.advance(9_999);
  assert.ok(stream.isOpen);
  await world.advance(1);
  assert.ok(!stream.isOpen);
  assert.deepEqual(world.take(), ["/me"]);

  // So is a stream whose response never begins.
  world.answer = ({ path }, signal) =>
    path === "/me" ? undefined : new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  await world.advance(300_000);
  world.take();
  await world.advance(10_000);
  assert.deepEqual(world.take(), ["/me"]);
});

test("a stream that is silent for 45 s is opened again", async () => {
  const { world, stream } = await watching();
  stream.write(": heartbeat\n\n");
  await world.advance(44_000);
  stream.write(": heartbeat\n\n");
  await world.advance(44_999);
  assert.deepEqual(world.take(), []);
  await world.advance(1);
  assert.ok(!stream.isOpen);
  assert.deepEqual(world.take(), ["/me/events"]);
});

test("a response to GET /me that does not come for 30 s is given up", async () => {
  const world = new World();
  world.answer = (_, signal) => new Promise((__, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  watch(world.tab());
  await world.advance(29_999);
  assert.deepEqual(world.take(), ["/me"]);
  await world.advance(1);
  assert.deepEqual(world.take(), ["/me"]);
});

for (const [what, set] of Object.entries({
  "a hidden page": (tab: Tab, awake: boolean) => tab.show(awake),
  "a page that is offline": (tab: Tab, awake: boolean) => tab.setOnline(awake),
})) {
  test(`${what} asks for nothing, and once when that is over`, async () => {
    const { world, tab, seen, stream } = await watching();
    stream.active("one", queued(2));
    await world.settle();
    set(tab, false);
    await world.advance(60_000);
    assert.deepEqual([world.take(), world.open().length, world.timers], [[], 0, 0]);
    set(tab, true);
    await world.settle();
    assert.deepEqual(world.take(), ["/me/events"]);
    assert.equal(world.streams[1]?.seen.headers.get("Last-Event-ID"), "one");
    world.streams[1]?.active("two", queued(0));
    await world.settle();
    assert.deepEqual(seen.positions, [1, 2, 0]);
  });

  test(`${what} begins when that is over`, async () => {
    const world = new World();
    const tab = world.tab();
    set(tab, false);
    watch(tab);
    await world.advance(60_000);
    assert.deepEqual(world.take(), []);
    set(tab, true);
    await world.settle();
    assert.deepEqual(world.take(), ["/me", "/me/events"]);
  });

  test(`${what} does not wait for the end of a pause when that is over`, async () => {
    const world = new World();
    world.random = 1;
    const tab = world.tab();
    world.answer = () => errorResponse(503, "Service unavailable");
    watch(tab);
    await world.settle();
    set(tab, false);
    await world.settle();
    world.answer = () => undefined;
    world.take();
    set(tab, true);
    await world.settle();
    assert.deepEqual(world.take(), ["/me", "/me/events"]);
  });
}

test("Retry-After is waited although the page is hidden and shown meanwhile", async () => {
  const world = new World();
  const tab = world.tab();
  world.answer = () => errorResponse(429, "Too many requests", { "Retry-After": "20" });
  watch(tab);
  await world.advance(5_000);
  world.take();
  tab.show(false);
  await world.advance(5_000);
  tab.show(true);
  await world.advance(9_999);
  assert.deepEqual(world.take(), []);
  await world.advance(1);
  assert.deepEqual(world.take(), ["/me"]);
});

test("a pause that is longer than a timer can be is cut to the longest one", async () => {
  const world = new World();
  world.answer = () => errorResponse(503, "Service unavailable", { "Retry-After": "99999999" });
  watch(world.tab());
  await world.advance(0);
  assert.ok(world.latest <= 2 ** 31 - 1);
  assert.deepEqual(world.take(), ["/me"]);
});

test("a server that fails is not asked without a pause, although its retry is 0", async () => {
  const { world, stream } = await watching();
  world.random = 1;
  stream.write("retry: 0\n\n");
  await world.settle();
  stream.cut();
  await world.advance(199);
  assert.deepEqual(world.take(), []);
  await world.advance(1);
  assert.deepEqual(world.take(), ["/me/events"]);
});

test("it ends quietly when the consumer was deleted", async () => {
  const { world, seen, stream, tab } = await watching();
  stream.end("consumer_not_found");
  await world.advance(60_000);
  assert.equal(seen.ended, "quietly");
  assert.deepEqual([world.take(), world.open().length, world.timers, tab.listeners], [[], 0, 0, 0]);
});

test("after shutdown it connects again", async () => {
  const { world, stream } = await watching();
  stream.end("shutdown");
  await world.advance(0);
  assert.deepEqual(world.take(), ["/me/events"]);
});

test("after replaced it waits for the time in retry at least", async () => {
  const { world, stream } = await watching();
  stream.write("retry: 2000\n\n");
  stream.end("replaced");
  await world.advance(1_999);
  assert.deepEqual(world.take(), []);
  await world.advance(1);
  assert.deepEqual(world.take(), ["/me/events"]);
});

test("after token_expired it connects with a new token, whose consumer it reads first", async () => {
  let n = 0;
  const { world, stream, seen } = await watching({ accessToken: () => `token_${++n}` });
  stream.end("token_expired");
  await world.advance(0);
  assert.deepEqual(world.seen.map(({ path, headers }) => [path, headers.get("Authorization")]), [
    ["/me", "Bearer token_2"], ["/me/events", "Bearer token_2"],
  ]);
  assert.deepEqual(seen.positions, [1]);
});

test("it never shows the stream of one consumer in the document of another", async () => {
  let n = 0;
  const { world, stream, seen } = await watching({ accessToken: () => `token_${++n}` });
  world.answer = ({ path, headers }) => {
    if (headers.get("Authorization") === "Bearer token_1") return errorResponse(401, "Authentication required");
    return path === "/me" ? json(documentOf("cons_2", 8)) : undefined;
  };
  stream.cut();
  await world.advance(0);
  assert.deepEqual(world.take(), ["/me/events", "/me/events", "/me", "/me/events"]);
  assert.ok(!world.streams[1]?.isOpen, "the stream that came before the document is not used");
  assert.deepEqual(seen.documents.map(({ id }) => id), ["cons_1", "cons_2"]);
  assert.deepEqual(world.groups().map((name) => name.split(" ").at(-1)), ["cons_2"]);
});

for (const [status, error] of [[400, "Bad request"], [401, "Authentication required"]] as const) {
  test(`it ends with the error when another request would not help: ${status}`, async () => {
    const { world, stream, seen, tab } = await watching();
    world.answer = () => errorResponse(status, error);
    stream.cut();
    await world.advance(60_000);
    assert.ok(seen.ended instanceof ApiError && seen.ended.status === status);
    assert.deepEqual(world.take(), ["/me/events"]);
    assert.deepEqual([world.open().length, world.timers, tab.listeners], [0, 0, 0]);

    // Whoever watches again tries again.
    world.answer = () => undefined;
    const again = watch(tab);
    await world.settle();
    assert.deepEqual([again.ended, again.positions, world.open().length], [undefined, [1], 1]);
  });
}

test("until there is a document, the state has the error, while the client goes on trying", async () => {
  const world = new World();
  world.random = 1;
  const { client } = world.tab();
  world.answer = () => Promise.reject(new TypeError("Failed to fetch"));
  const leave = client.consumer.subscribe(() => undefined);
  await world.settle();
  const { error, hasEnded } = client.consumer.state();
  assert.deepEqual([error?.name, hasEnded], ["NetworkError", undefined]);
  world.answer = () => undefined;
  await world.advance(2_000);
  assert.deepEqual([client.consumer.state().error, client.consumer.state().document?.id], [undefined, "cons_1"]);

  // With a document, an error that passes is nobody's business.
  world.answer = () => Promise.reject(new TypeError("Failed to fetch"));
  world.streams[0]?.cut();
  await world.advance(60_000);
  assert.deepEqual([client.consumer.state().error, client.consumer.state().document?.id], [undefined, "cons_1"]);
  leave();
});

test("a response that is no document is an error that passes", async () => {
  const world = new World();
  world.answer = () => new Response("<h1>Please log in to this network</h1>");
  const seen = watch(world.tab());
  await world.settle();
  world.answer = () => undefined;
  await world.advance(0);
  assert.deepEqual(seen.positions, [1]);
});

test("nothing is left open or waiting after an abort, wherever it is", async () => {
  const never = (signal: AbortSignal): Promise<Response> =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  for (const [where, answer] of Object.entries({
    "while the stream is open": () => undefined,
    "while GET /me is on its way": (_: { path: string }, signal: AbortSignal) => never(signal),
    "while the stream is on its way": ({ path }: { path: string }, signal: AbortSignal) => (path === "/me" ? undefined : never(signal)),
    "during a pause": () => errorResponse(503, "Service unavailable", { "Retry-After": "9" }),
    "while it polls": ({ path }: { path: string }) => (path === "/me" ? undefined : errorResponse(404, "Not found")),
  })) {
    const world = new World();
    world.answer = answer;
    const tab = world.tab();
    const leave = new AbortController();
    const seen = watch(tab, leave.signal);
    await world.advance(0);
    leave.abort();
    await world.settle();
    assert.deepEqual([seen.ended, world.open().length, world.timers, tab.listeners, world.groups()], ["quietly", 0, 0, 0, []], where);
    world.take();
    await world.advance(60_000);
    assert.deepEqual(world.take(), [], where);
  }
});

test("a signal that is aborted before opens nothing", async () => {
  const world = new World();
  const seen = watch(world.tab(), AbortSignal.abort());
  await world.settle();
  assert.deepEqual([seen.ended, world.take()], ["quietly", []]);
});

test("one connection serves all who watch, and ends with the last of them", async () => {
  const { world, tab, leave, stream } = await watching();
  const others = Array.from({ length: 10 }, () => tab.client.consumer.subscribe(() => undefined));
  leave.abort();
  await world.settle();
  assert.deepEqual([world.take(), stream.isOpen], [[], true]);
  others.forEach((end) => end());
  await world.settle();
  assert.deepEqual([stream.isOpen, world.timers], [false, 0]);
});

test("whoever leaves and comes back at once changes nothing", async () => {
  const { world, tab, leave, stream } = await watching();
  leave.abort();
  const end = tab.client.consumer.subscribe(() => undefined);
  await world.settle();
  assert.deepEqual([world.take(), stream.isOpen], [[], true]);
  end();
});

test("a slow response of a connection that has ended is not shown", async () => {
  const world = new World();
  const { client } = world.tab();
  let respond: (response: Response) => void = () => undefined;
  world.answer = () => new Promise((resolve) => (respond = resolve));
  const end = client.consumer.subscribe(() => undefined);
  await world.settle();
  end();
  await world.settle();
  world.answer = () => undefined;
  world.position = 2;
  const leave = client.consumer.subscribe(() => undefined);
  await world.settle();
  respond(json(documentOf("cons_1", 1)));
  await world.settle();
  assert.equal(positionIn(client.consumer.state().document), 2);
  leave();
});

test("the profile is read again when the client connects after five minutes", async () => {
  const { world, stream } = await watching();
  for (let n = 0; n < 10; n++) {
    stream.write(": heartbeat\n\n");
    await world.advance(30_000);
  }
  assert.deepEqual(world.take(), []);
  stream.cut();
  await world.advance(0);
  assert.deepEqual(world.take(), ["/me", "/me/events"]);
});
