import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { Window } from "happy-dom";
import { act, startTransition, StrictMode, useState, type ReactNode } from "react";
import { renderToString } from "react-dom/server";

import type { Me } from "../src/index.js";
import { RejoinProvider, useConsumer } from "../src/react.js";
import { documentOf, errorResponse, positionIn, queued, World } from "./world.js";

const window = new Window();
for (const [name, value] of Object.entries({ window, document: window.document, navigator: window.navigator, IS_REACT_ACT_ENVIRONMENT: true })) {
  Object.defineProperty(globalThis, name, { value });
}
// It looks for the page when it is loaded.
const { createRoot, hydrateRoot } = await import("react-dom/client");

function Position() {
  const { consumer, activeJourneys, isLoading, error } = useConsumer();
  return <p>{isLoading ? "loading" : error ? error.message : `${positionIn(consumer)} of ${activeJourneys.length}`}</p>;
}

function newElement(): HTMLElement {
  return document.body.appendChild(document.createElement("div"));
}

/** Renders, and returns the element and what the test does with it. */
async function rendered(t: TestContext, world: World, children: ReactNode, initial?: Me) {
  const { client } = world.tab();
  const element = newElement();
  const root = createRoot(element);
  let isMounted = true;
  const unmount = async (): Promise<void> => {
    if (isMounted) await act(async () => root.unmount());
    isMounted = false;
    await world.settle();
  };
  t.after(unmount);
  await act(async () => {
    root.render(
      <StrictMode>
        <RejoinProvider client={client} initial={initial}>
          {children}
        </RejoinProvider>
      </StrictMode>,
    );
    await world.settle();
  });
  return { element, unmount, client };
}

test("it is loading, then shows the consumer, then each change", async (t) => {
  const world = new World();
  let respond = (): void => undefined;
  world.answer = ({ path }) => (path === "/me" ? new Promise((resolve) => (respond = () => resolve(undefined as never))) : undefined);
  const { element } = await rendered(t, world, <Position />);
  assert.equal(element.textContent, "loading");
  await act(async () => {
    respond();
    await world.settle();
  });
  assert.equal(element.textContent, "1 of 1");
  await act(async () => {
    world.streams[0]?.active("two", queued(2));
    await world.settle();
  });
  assert.equal(element.textContent, "2 of 1");
});

test("any number of hooks share one connection under StrictMode, and it ends with the last of them", async (t) => {
  const world = new World();
  const { element, unmount } = await rendered(t, world, Array.from({ length: 10 }, (_, n) => <Position key={n} />));
  assert.equal(element.textContent, "1 of 1".repeat(10));
  assert.deepEqual(world.take(), ["/me", "/me/events"]);
  await unmount();
  assert.deepEqual([world.open().length, world.timers], [0, 0]);
});

test("it shows the error until there is a document", async (t) => {
  const world = new World();
  world.answer = () => errorResponse(401, "Authentication required");
  const { element } = await rendered(t, world, <Position />);
  assert.equal(element.textContent, "Authentication required");
});

test("with a document that the server brought along, an error that passes is not shown", async (t) => {
  const world = new World();
  world.answer = () => errorResponse(503, "Service unavailable");
  const document = documentOf("cons_1", 7);
  const { element } = await rendered(t, world, <Position />, { ...document, journeys: document.active.journeys });
  assert.equal(element.textContent, "7 of 1");
});

test("a component that tries again takes the error away from all", async (t) => {
  const world = new World();
  let showMore: (more: boolean) => void = () => undefined;
  function Pair() {
    const [more, setMore] = useState(false);
    showMore = setMore;
    return [<Position key={1} />, more && <Position key={2} />];
  }
  const { element } = await rendered(t, world, <Pair />);
  world.answer = () => errorResponse(401, "Authentication required");
  await act(async () => {
    world.streams[0]?.cut();
    await world.advance(0);
  });
  assert.equal(element.textContent, "Authentication required");
  world.answer = () => undefined;
  await act(async () => {
    showMore(true);
    await world.settle();
  });
  assert.equal(element.textContent, "1 of 1".repeat(2));
});

test("a change in the middle of a transition never shows two states at once", async (t) => {
  const world = new World();
  const torn: string[] = [];
  function Twice() {
    const first = positionIn(useConsumer().consumer);
    const second = positionIn(useConsumer().consumer);
    if (first !== second) torn.push(`${first} and ${second}`);
    return <i>{first}</i>;
  }
  let showMore: (count: number) => void = () => undefined;
  function List() {
    const [count, setCount] = useState(1);
    showMore = setCount;
    return Array.from({ length: count }, (_, n) => <Twice key={n} />);
  }
  const { element } = await rendered(t, world, <List />);
  await act(async () => {
    startTransition(() => showMore(200));
    world.streams[0]?.active("two", queued(2));
    await world.settle();
  });
  assert.deepEqual([...new Set([...element.querySelectorAll("i")].map((i) => i.textContent))], ["2"]);
  assert.equal(element.querySelectorAll("i").length, 200);
  assert.deepEqual(torn, []);
});

test("a server renders the document that it has, and the browser goes on from there", async (t) => {
  const world = new World();
  const document = documentOf("cons_1", 7);
  const { client } = world.tab();
  const page = (
    <RejoinProvider client={client} initial={{ ...document, journeys: document.active.journeys }}>
      <Position />
    </RejoinProvider>
  );
  const html = renderToString(page);
  assert.equal(html, "<p>7 of 1</p>");
  assert.deepEqual(world.take(), [], "nothing is asked for on the server");

  const element = newElement();
  element.innerHTML = html;
  const mismatches: unknown[] = [];
  const shown: (string | null)[] = [];
  await act(async () => {
    const root = hydrateRoot(element, page, { onRecoverableError: (error) => mismatches.push(error) });
    t.after(() => act(async () => root.unmount()));
    shown.push(element.textContent);
    await world.settle();
  });
  assert.deepEqual([mismatches, shown, element.textContent], [[], ["7 of 1"], "1 of 1"]);
});

test("a server without a document renders that it is loading", () => {
  const { client } = new World().tab();
  assert.equal(renderToString(<RejoinProvider client={client}><Position /></RejoinProvider>), "<p>loading</p>");
});

test("useConsumer without a provider says so", () => {
  assert.throws(() => renderToString(<Position />), /within a RejoinProvider/);
});

test("a new document is a new render, and nothing else is", async (t) => {
  const world = new World();
  let renders = 0;
  function Counted() {
    useConsumer();
    renders++;
    return null;
  }
  await rendered(t, world, <Counted />);
  const before = renders;
  await act(async () => {
    world.streams[0]?.active("one", queued(1));
    world.streams[0]?.write(": heartbeat\n\n");
    await world.settle();
  });
  assert.equal(renders, before);
});
