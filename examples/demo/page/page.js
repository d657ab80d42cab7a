// The testers' page: who the tester is, what they are in, and the engines' part.

import { countDown, element, kindOf, showCards, situation } from "./cards.js";
import { Connection } from "./connection.js";
import { outline, parse, withActive } from "./document.js";

const at = (id) => document.getElementById(id);

let roster; // as /demo/consumers answers
let chosen; // the id of the consumer that the tester is
let connection;
let text = ""; // the document, as JSON

// ask speaks with the page's own endpoints.
async function ask(path, body) {
  const response = await fetch(path, body === undefined ? { cache: "no-store" } : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (response.status === 204) return undefined;
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message || answer.error);
  return answer;
}

async function readRoster() {
  roster = await ask("/demo/consumers");
  showPeople();
}

function showPeople() {
  const focused = at("people").contains(document.activeElement) ? document.activeElement.hash : "";
  at("people").replaceChildren(...roster.consumers.map(({ id, fullName, situation }) => {
    const link = element("a", { href: "#" + id },
      element("strong", { textContent: fullName ?? "Guest" }), element("span", { textContent: situation }));
    if (id === chosen) link.ariaCurrent = "true";
    return element("li", {}, link);
  }));
  if (focused) at("people").querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// choose makes the tester the consumer that the address names, or the first.
function choose() {
  const wanted = location.hash.slice(1);
  const { id } = roster.consumers.find((c) => c.id === wanted) ?? roster.consumers[0];
  if (id === chosen) return;
  chosen = id;
  connection?.close();
  text = "";
  complain("");
  at("announcement").textContent = "";
  showPeople();
  at("people").querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
  state("connecting", "Connecting…");
  connection = new Connection((renew) => credentials(id, renew), {
    document: (read) => show(read, "read at"),
    active: (streamed) => show(withActive(text, streamed), "active streamed at"),
    state,
  });
  connection.run();
}

async function credentials(id, renew) {
  if (renew) await readRoster();
  const entry = roster.consumers.find((c) => c.id === id); // none, if erased meanwhile
  return { publishableKey: roster.publishableKey, accessToken: entry?.accessToken ?? "" };
}

function state(name, words) {
  at("connection").dataset.state = name;
  if (at("connection").textContent !== words) at("connection").textContent = words;
}

// show writes the whole of a new document.
function show(next, source) {
  const first = text === "";
  if (next === text) return;
  text = next;
  const me = parse(text);
  at("welcome").textContent = `Welcome, ${me.fullName || "Guest"}`;
  at("contact").replaceChildren(
    element("span", { textContent: `Email: ${me.email ?? "none"}` }), " ",
    element("span", { textContent: `Phone: ${me.phone ?? "none"}` }), " ",
    element("code", { textContent: me.id }));
  showAdmission(me.active.journeys.find((j) => j.journeyStage === "admitted"));
  at("nothing").hidden = me.active.journeys.length > 0;
  showCards(at("cards"), me.active, roster.acts, (act, { participation }) => play(act.action, participation.type, participation.id));
  at("document").replaceChildren(outline(text));
  at("source").textContent = `${source} ${new Date().toLocaleTimeString("en-GB")}`;
  if (first) return;
  at("announcement").textContent = situation(me.active.journeys);
  readRoster().catch(() => {}); // the list only says what the document says already
}

// showAdmission keeps the link while the admission is the same, and the focus with it.
function showAdmission(journey) {
  const token = journey?.admission?.admissionToken ?? "";
  const href = `/checkout?token=${encodeURIComponent(token)}`;
  if (!token) at("admission").replaceChildren();
  if (!token || at("admission").querySelector("a")?.getAttribute("href") === href) return;
  at("admission").replaceChildren(element("div", { className: "alert" },
    element("p", { textContent: "You have an active admission!" }),
    element("a", { className: "button", href, textContent: "Continue to Checkout" })));
}

async function play(action, type, distributionId) {
  complain("");
  try {
    await ask("/demo/act", { consumerId: chosen, action, type, distributionId });
    connection.hurry();
  } catch (error) {
    complain(error.message);
  }
}

async function startOver() {
  complain("");
  try {
    await ask("/demo/start-over", {});
    connection.hurry();
    await readRoster();
  } catch (error) {
    complain(error.message);
  }
}

function complain(words) {
  at("problem").textContent = words;
  at("problem").hidden = words === "";
}

function showEntrances() {
  at("enter").replaceChildren(...roster.distributions.map(({ type, id }) => {
    const button = element("button", { type: "button" }, kindOf(type), " ", element("code", { textContent: id }));
    button.addEventListener("click", () => play("enter", type, id));
    return button;
  }));
}

try {
  await readRoster();
  showEntrances();
  choose();
  addEventListener("hashchange", choose);
  at("start-over").addEventListener("click", startOver);
  setInterval(() => countDown(at("cards")), 1000);
} catch (error) {
  state("stopped", "Stopped: the demonstration does not answer.");
  complain(error.message);
}
