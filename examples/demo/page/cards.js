// A card per journey. A card is kept while its journey lasts, so that focus and reading
// position stay where they are.

const kinds = { queue: "Queue", draw: "Draw", auction: "Auction", timed_release: "Timed release", waitlist: "Waitlist" };

const stages = { admitted: "Admitted: may go to the checkout", participating: "Taking part", waitlist_entered: "On the waitlist" };

const labels = {
  admit: "Admit", win: "Win", bid: "Bid 10 more", outbid: "Outbid", notify: "Notify", expire: "Expire in 3 s", leave: "Leave",
};

export const kindOf = (type) => kinds[type] ?? type;

// element makes one, with properties and children; what is missing is passed over.
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// situation says what somebody is in, in a sentence to be read out.
export function situation(journeys) {
  if (journeys.length === 0) return "In nothing now.";
  return journeys.map(({ sequenceStage, participation: { type, status } }) =>
    `${kindOf(type)}: ${stages[sequenceStage]}, ${status.toLowerCase()}.`).join(" ");
}

// showCards brings the list to what the active object says. Acts come from the server;
// play(act, journey) is called for a button.
export function showCards(list, active, acts, play) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && { card: focused.closest("li").dataset.key, act: focused.dataset.act };
  const old = new Map([...list.children].map((card) => [card.dataset.key, card]));
  active.journeys.forEach((journey, i) => {
    const key = `${journey.experienceId} ${journey.sequenceId}`;
    const card = old.get(key) ?? element("li", { className: "card" });
    old.delete(key);
    card.dataset.key = key;
    const { top, buttons } = fillings(journey, active, acts, play);
    const state = JSON.stringify([journey, details(journey, active).map(([name, value]) => [name, String(value?.dateTime ?? value)])]);
    if (card.dataset.state !== state) {
      card.dataset.state = state;
      card.dataset.stage = journey.sequenceStage;
      card.replaceChildren(...top, buttons);
    }
    if (list.children[i] !== card) list.insertBefore(card, list.children[i] ?? null);
  });
  old.forEach((card) => card.remove());
  if (place) restoreFocus(list, place);
}

// restoreFocus keeps a tester who uses the keyboard where they were: on the same button,
// else on the first of the card, else on the heading of the list.
function restoreFocus(list, { card, act }) {
  if (list.contains(document.activeElement)) return;
  const same = [...list.children].find((c) => c.dataset.key === card);
  const buttons = same ? [...same.querySelectorAll("button")] : [];
  const target = buttons.find((b) => b.dataset.act === act) ?? buttons[0] ?? document.getElementById("participations");
  target.focus({ preventScroll: true });
}

function fillings(journey, active, acts, play) {
  const { type, id, status } = journey.participation;
  const heading = element("h3", {}, kindOf(type), " ", element("code", { textContent: id }));
  const badge = element("p", { className: "badge", textContent: status });
  const stage = element("p", { className: "stage", textContent: stages[journey.sequenceStage] });
  const list = element("dl", {}, ...details(journey, active).map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", {}, value))));
  const possible = acts.filter((act) => act.type === type && act.from.includes(status) &&
    !(act.admits && journey.journeyStage === "admitted"));
  const buttons = element("div", { className: "acts", role: "group", ariaLabel: `Play the engines for ${id}` },
    ...possible.map((act) => {
      const button = element("button", { type: "button", textContent: labels[act.action] ?? act.action });
      button.dataset.act = act.action;
      if (act.action !== "expire" && act.action !== "leave") button.className = "forward";
      button.addEventListener("click", () => play(act, journey));
      return button;
    }));
  return { top: [element("div", { className: "head" }, heading, badge), stage, list], buttons };
}

// details are the names and values that a card lists, of the participation's own state
// and of the admission.
function details(journey, active) {
  const state = stateOf(journey, active) ?? {};
  const until = journey.admission?.expiresAt ?? state.expiresAt;
  return [
    ["Position", state.position ?? null],
    ["Last bid", state.lastBidAmount ?? null],
    ["Bids", state.bidCount || null],
    ["Variant", state.selectedVariantId ?? null],
    ["Entered", state.enteredAt ? time(state.enteredAt) : null],
    ["Admitted", journey.admission ? time(journey.admission.admittedAt) : null],
    ["Expires", until ? time(until, true) : null],
    ["Sequence", element("code", { textContent: journey.sequenceId })],
  ].filter(([, value]) => value !== null);
}

function stateOf({ experienceId, sequenceId, participation: { type, id } }, active) {
  switch (type) {
    case "queue": return active.queues[id];
    case "draw": return active.draws[id];
    case "auction": return active.auctions[id];
    case "timed_release": return active.timedReleases[id];
  }
  return active.experiences[experienceId]?.sequences[sequenceId]?.waitlist;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const calendar = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function time(moment, counts = false) {
  const shown = element("time", { dateTime: moment, title: moment });
  shown.dataset.counts = counts;
  showTime(shown);
  return shown;
}

// showTime writes a moment, and in its last minute how long is left.
function showTime(shown) {
  const moment = new Date(shown.dateTime);
  const left = Math.ceil((moment - Date.now()) / 1000);
  const near = Math.abs(moment - Date.now()) < 12 * 3600 * 1000;
  shown.textContent = shown.dataset.counts === "true" && left <= 60 ? `in ${Math.max(left, 0)} s` : (near ? clock : calendar).format(moment);
}

// countDown goes on with what showTime wrote.
export function countDown(list) {
  list.querySelectorAll('time[data-counts="true"]').forEach(showTime);
}
