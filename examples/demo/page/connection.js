// How the page stays up to date: it reads /me once, then the event stream. The stream is
// read with fetch, because EventSource cannot send headers. A server that has none is
// polled, with the entity tag of what is known.

const base = "/api/v1/consumers/me";
const pollEvery = 2000;
const longestWait = 30000;
const renewEvery = 60000;
// The server sends a comment every 15 seconds; three missed ones mean that nobody is there.
const silence = 45000;

// Refused is an answer that asking again does not change.
class Refused extends Error {}

// Unauthenticated is one that a new token may change.
class Unauthenticated extends Error {}

// Later is one that says when to ask again, in milliseconds.
class Later extends Error {
  constructor(message, wait) {
    super(message);
    this.wait = wait;
  }
}

// Connection follows one consumer until it is closed. It tells
//   document(text)     the whole document, as read
//   active(text)       its active object, as streamed
//   state(name, words) live, polling, connecting, reconnecting or stopped
// and asks credentials(renew) for {publishableKey, accessToken}.
export class Connection {
  #tell;
  #credentials;
  #closed = new AbortController();
  #wake = () => {};
  #hurried = false;
  #etag = "";
  #lastEventID = "";
  #retry = 1000;
  #failures = 0;
  #streams = true;
  #renewedAt = -Infinity;

  constructor(credentials, tell) {
    this.#credentials = credentials;
    this.#tell = tell;
  }

  close() {
    this.#closed.abort();
    this.#wake();
  }

  // hurry cuts a pause short, or the next one: something has happened.
  hurry() {
    this.#hurried = true;
    this.#wake();
  }

  async run() {
    let renew = false;
    while (!this.#closed.signal.aborted) {
      try {
        const credentials = await this.#credentials(renew);
        renew = false;
        await this.#once(credentials);
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        if (error instanceof Unauthenticated && performance.now() - this.#renewedAt > renewEvery) {
          renew = true; // the token has expired, or the server has another key since it started anew
          this.#renewedAt = performance.now();
          continue;
        }
        if (error instanceof Refused || error instanceof Unauthenticated) {
          this.#tell.state("stopped", `Stopped: ${error.message}.`);
          return;
        }
        const wait = error instanceof Later ? error.wait : this.#backoff();
        const why = error instanceof TypeError ? "the server does not answer" : error.message; // what fetch throws
        this.#tell.state("reconnecting", `Reconnecting: ${why}.`);
        await this.#pause(wait);
      }
    }
  }

  // once reads the document, and then either the stream to its end, or nothing more until
  // it is time to ask again.
  async #once(credentials) {
    await this.#read(credentials);
    if (this.#streams) await this.#stream(credentials);
    if (this.#streams || this.#closed.signal.aborted) return;
    this.#tell.state("polling", "Polling every 2 seconds: this server has no event stream.");
    await this.#pause(pollEvery);
  }

  async #read(credentials) {
    const response = await this.#get(base, credentials, this.#etag && { "If-None-Match": this.#etag });
    if (response.status !== 304) {
      await this.#check(response);
      const text = await response.text();
      this.#etag = response.headers.get("ETag") ?? "";
      this.#tell.document(text);
    }
    this.#failures = 0;
  }

  async #stream(credentials) {
    const watch = new AbortController();
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => watch.abort(new Error("nothing was heard for 45 seconds")), silence);
    };
    alive();
    try {
      const response = await this.#get(base + "/events", credentials,
        { Accept: "text/event-stream", ...(this.#lastEventID && { "Last-Event-ID": this.#lastEventID }) }, watch.signal);
      if (await isMissing(response)) {
        this.#streams = false;
        return;
      }
      await this.#check(response);
      this.#tell.state("live", "Live: what the engines write shows at once.");
      for await (const event of events(response.body, alive)) {
        this.#failures = 0;
        if (event.retry !== undefined) this.#retry = event.retry;
        if (event.id !== undefined) this.#lastEventID = event.id;
        if (event.type === "active") {
          this.#etag = ""; // what is shown now has another, which the stream does not tell
          this.#tell.active(event.data);
        }
        if (event.type === "end") ended(JSON.parse(event.data).reason);
      }
    } finally {
      clearTimeout(timer);
      watch.abort();
    }
    throw new Error("the stream was cut off");
  }

  #get(url, credentials, headers, signal) {
    return fetch(url, {
      headers: {
        "X-Publishable-Key": credentials.publishableKey,
        Authorization: `Bearer ${credentials.accessToken}`,
        ...headers,
      },
      cache: "no-store",
      credentials: "omit",
      signal: signal ? AbortSignal.any([signal, this.#closed.signal]) : this.#closed.signal,
    });
  }

  async #check(response) {
    if (response.ok) return;
    const seconds = Number(response.headers.get("Retry-After"));
    const { error = `status ${response.status}` } = await response.json().catch(() => ({}));
    if (response.status === 401) throw new Unauthenticated(error);
    if (response.status === 429 || response.status >= 500) throw seconds > 0 ? new Later(error, seconds * 1000) : new Error(error);
    throw new Refused(error);
  }

  // backoff doubles the wait that the server asked for with every failure in a row, and
  // spreads it, so that not everybody comes back in the same moment.
  #backoff() {
    const wait = Math.min(this.#retry * 2 ** this.#failures++, longestWait);
    return wait * (0.75 + Math.random() / 2);
  }

  #pause(milliseconds) {
    const hurried = this.#hurried;
    this.#hurried = false;
    return hurried ? Promise.resolve() : new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

// isMissing tells a server without the stream from one without the consumer.
async function isMissing(response) {
  if (response.status !== 404) return false;
  const { error } = await response.clone().json().catch(() => ({}));
  return error !== "Consumer not found";
}

// ended says what the server's own end of a stream means.
function ended(reason) {
  switch (reason) {
    case "token_expired":
    case "unauthenticated":
      throw new Unauthenticated("the access token is no longer accepted");
    case "consumer_not_found":
      throw new Refused("the consumer is gone");
  }
  throw new Error("the server is shutting down");
}

// events reads an event stream by the rules of the HTML standard, section 9.2.6. It says
// after every chunk, comments included, that somebody is there.
async function* events(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = {};
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return; // what was not finished by an empty line does not count
    alive();
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (Object.keys(event).length > 0) yield { type: "message", ...event };
        event = {};
        continue;
      }
      const [, field, text] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === "event") event.type = text;
      if (field === "data") event.data = event.data === undefined ? text : event.data + "\n" + text;
      if (field === "id" && !text.includes("\0")) event.id = text;
      if (field === "retry" && /^\d+$/.test(text)) event.retry = Number(text);
    }
  }
}
