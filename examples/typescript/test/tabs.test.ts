import assert from "node:assert/strict";
import { test } from "node:test";

import { documentOf, json, queued, World, type Tab } from "./world.js";

/** Opens tabs that listen, and lets their functions to leave be called. */
async function listening(world: World, count: number): Promise<{ tab: Tab; leave: () => void }[]> {
  const all = [];
  for (let n = 0; n < count; n++) {
    const tab = world.tab();
    all.push({ tab, leave: tab.client.consumer.subscribe(() => undefined) });
    await world.settle();
  }
  return all;
}

function positions(tabs: { tab: Tab }[]): unknown[] {
  return tabs.map(({ tab }) => tab.position);
}

test("tabs share one stream", async () => {
  const world = new World();
  const tabs = await listening(world, 3);
  assert.deepEqual(world.take(), ["/me", "/me/events", "/me", "/me"]);
  world.streams[0]?.active("two", queued(2));
  await world.settle();
  assert.deepEqual(positions(tabs), [2, 2, 2]);
});

test("when the tab with the stream is closed, another one opens it from the last event", async () => {
  const world = new World();
  const [first, ...others] = await listening(world, 3);
  world.streams[0]?.active("two", queued(2));
  await world.settle();
  world.take();
  first?.leave();
  await world.settle();
  assert.deepEqual(world.take(), ["/me/events"]);
  assert.equal(world.open().length, 1);
  assert.equal(world.streams[1]?.seen.headers.get("Last-Event-ID"), "two");
  world.streams[1]?.active("three", queued(3));
  await world.settle();
  assert.deepEqual(positions(others), [3, 3]);
});

test("a hidden tab leaves the stream to one that is shown, and catches up when it is shown", async () => {
  const world = new World();
  const tabs = await listening(world, 2);
  world.take();
  tabs[0]?.tab.show(false);
  await world.settle();
  assert.deepEqual(world.take(), ["/me/events"]);
  world.time += 1000;
  world.streams[1]?.active("two", queued(2));
  await world.settle();
  assert.deepEqual(positions(tabs), [1, 2]);
  tabs[0]?.tab.show(true);
  await world.settle();
  assert.deepEqual(positions(tabs), [2, 2]);
  assert.deepEqual([world.take(), world.open().length], [[], 1]);
});

test("a tab that joins does not go back to what the others have of earlier", async () => {
  const world = new World();
  const tabs = await listening(world, 1);
  world.time += 1000;
  world.position = 0; // which the stream has not told yet
  const [joined] = await listening(world, 1);
  await world.settle();
  assert.deepEqual(positions([...tabs, joined!]), [1, 0]);
});

test("all tabs are hidden: nothing is open", async () => {
  const world = new World();
  const tabs = await listening(world, 3);
  world.take();
  tabs.forEach(({ tab }) => tab.show(false));
  await world.advance(60_000);
  assert.deepEqual([world.open().length, world.groups(), world.timers], [0, [], 0]);
});

test("tabs poll as one too", async () => {
  const world = new World();
  world.answer = ({ path }) => (path === "/me/events" ? json({ error: "Not found" }, { status: 404 }) : undefined);
  const tabs = await listening(world, 3);
  await world.advance(0);
  world.take();
  world.position = 4;
  await world.advance(5_000);
  assert.deepEqual(world.take(), ["/me"]);
  assert.deepEqual(positions(tabs), [4, 4, 4]);
});

test("tabs of different consumers, organizations or servers share nothing", async () => {
  const world = new World();
  world.answer = ({ path, headers }) => (path === "/me" && headers.get("Authorization") === "Bearer token_2" ? json(documentOf("cons_2", 9)) : undefined);
  const tabs = [world.tab(), world.tab({ accessToken: "token_2" }), world.tab({ publishableKey: "pk_2" })];
  for (const tab of tabs) {
    tab.client.consumer.subscribe(() => undefined);
    await world.settle();
  }
  assert.equal(world.open().length, 3);
  assert.equal(world.groups().length, 3);
  world.streams[1]?.active("two", queued(8));
  await world.settle();
  assert.deepEqual(tabs.map((tab) => tab.position), [1, 8, 1]);
});

test("a tab that fails three times in a row lets another one try", async () => {
  const world = new World();
  const tokens = { first: "token_1", second: "token_2" };
  const first = world.tab({ accessToken: () => (tokens.first ? tokens.first : Promise.reject(new Error("logged out"))) });
  const second = world.tab({ accessToken: () => tokens.second });
  for (const tab of [first, second]) {
    tab.client.consumer.subscribe(() => undefined);
    await world.settle();
  }
  tokens.first = "";
  world.answer = ({ headers }) => (headers.get("Authorization") === "Bearer token_1" ? json({ error: "Authentication required" }, { status: 401 }) : undefined);
  world.streams[0]?.cut();
  await world.advance(0);
  assert.equal(world.open().length, 1);
  world.open()[0]?.active("two", queued(2));
  await world.settle();
  assert.deepEqual([first.position, second.position], [2, 2]);
});

for (const [how, streams] of Object.entries({ "from a stream": true, "by polling": false })) {
  test(`a tab whose new token is another consumer's tells the others nothing of that one: ${how}`, async () => {
    const world = new World();
    let token = "token_1";
    world.answer = ({ path, headers }) => {
      const isOther = headers.get("Authorization") === "Bearer token_2";
      if (token === "token_2" && !isOther) return json({ error: "Authentication required" }, { status: 401 });
      if (path === "/me/events" && !streams) return json({ error: "Not found" }, { status: 404 });
      return path === "/me" && isOther ? json(documentOf("cons_2", 9)) : undefined;
    };
    const first = world.tab({ accessToken: () => token });
    first.client.consumer.subscribe(() => undefined);
    await world.settle();
    const heard: unknown[] = [];
    const spy = world.openChannel(world.groups()[0]!);
    spy.onmessage = ({ data }) => heard.push(data);
    const second = world.tab({ accessToken: () => "token_1" });
    second.client.consumer.subscribe(() => undefined);
    await world.advance(0);
    token = "token_2";
    world.streams[0]?.cut();
    await world.advance(5_000);
    assert.equal(first.client.consumer.state().document?.id, "cons_2");
    assert.equal(second.client.consumer.state().document?.id, "cons_1");
    assert.ok(!JSON.stringify(heard).includes("cons_2"));
  });
}

test("where the browser denies channels every tab has a stream of its own", async () => {
  const world = new World();
  world.openChannel = () => {
    throw new DOMException("The operation is insecure.", "SecurityError");
  };
  await listening(world, 2);
  assert.equal(world.open().length, 2);
});

test("where the browser denies locks every tab has a stream of its own", async () => {
  const world = new World();
  world.lock = () => Promise.reject(new DOMException("The operation is insecure.", "SecurityError"));
  await listening(world, 2);
  assert.equal(world.open().length, 2);
});

test("a tab does not go back to what a slow response tells the others", async () => {
  const world = new World();
  world.answer = ({ path }) => (path === "/me/events" ? json({ error: "Not found" }, { status: 404 }) : undefined);
  const [first] = await listening(world, 1);
  await world.advance(0);
  let respond: (response: Response) => void = () => undefined;
  world.answer = () => new Promise((resolve) => (respond = resolve));
  await world.advance(5_000);
  const slow = respond;
  world.time += 1000;
  world.position = 9;
  world.answer = ({ path }) => (path === "/me/events" ? json({ error: "Not found" }, { status: 404 }) : undefined);
  const [second] = await listening(world, 1);
  slow(json(documentOf("cons_1", 2)));
  await world.settle();
  assert.deepEqual(positions([first!, second!]), [2, 9]);
});

test("a tab that is shown after a long time hears the others, although it cannot read", async () => {
  const world = new World();
  const tabs = await listening(world, 2);
  tabs[1]?.tab.show(false);
  for (let n = 0; n < 12; n++) {
    world.streams[0]?.write(": heartbeat\n\n");
    await world.advance(30_000);
  }
  world.answer = () => json({ error: "Service unavailable" }, { status: 503 });
  tabs[1]?.tab.show(true);
  await world.settle();
  world.streams[0]?.active("two", queued(2));
  await world.settle();
  assert.deepEqual(positions(tabs), [2, 2]);
});

test("no token is in what tabs tell one another", async () => {
  const world = new World();
  const heard: unknown[] = [];
  await listening(world, 1);
  const spy = world.openChannel(world.groups()[0]!);
  spy.onmessage = ({ data }) => heard.push(data);
  world.streams[0]?.active("two", queued(2));
  await listening(world, 1);
  await world.settle();
  assert.ok(heard.length > 1);
  assert.ok(!JSON.stringify([heard, world.groups()]).includes("token_1"));
});

test("without Web Locks every tab has a stream of its own", async () => {
  const world = new World();
  for (let n = 0; n < 2; n++) world.tab({ shares: false }).client.consumer.subscribe(() => undefined);
  await world.settle();
  assert.equal(world.open().length, 2);
});
