import { abortable, check, type Environment } from "./environment.js";
import { errorOf, NetworkError } from "./errors.js";

/** How a client finds and enters the API. */
export interface Credentials {
  /** Where the API is mounted, such as "https://shop.example.com/api/v1/consumers". */
  baseUrl: string;
  /** Begins with `pk_`. */
  publishableKey: string;
  /**
   * The consumer's access token, or a function that returns it. The function is called when a
   * token is first needed, and with `refresh` when the server has refused the last one, which
   * has usually expired. A request is repeated once with the new token.
   */
  accessToken: string | ((options: { refresh: boolean }) => string | Promise<string>);
}

/** Sends requests with the credentials of one consumer. */
export class Requests {
  /** The token of the last request. */
  token: string | undefined;
  /** The token that is on its way, so that two requests do not refresh it twice. */
  #coming: Promise<string> | undefined;

  constructor(
    readonly credentials: Credentials,
    readonly environment: Environment,
  ) {}

  /**
   * Gets a path. Only a response with 200 or 304 is returned, with the token that it answers, and
   * everything else is an error.
   */
  async get(path: string, headers: Record<string, string | undefined>, signal: AbortSignal): Promise<{ response: Response; token: string }> {
    let token = this.token ?? (await this.#obtain(false, signal));
    let response = await this.#send(path, headers, token, signal);
    if (response.status === 401 && typeof this.credentials.accessToken === "function") {
      token = await this.refresh(token, signal);
      response = await this.#send(path, headers, token, signal);
    }
    if (!response.ok && response.status !== 304) {
      throw await errorOf(response, this.environment.now());
    }
    return { response, token };
  }

  /** Replaces a token that the server refused, unless it was replaced meanwhile. */
  async refresh(refused: string | undefined, signal: AbortSignal): Promise<string> {
    return this.token !== undefined && this.token !== refused ? this.token : this.#obtain(true, signal);
  }

  #obtain(refresh: boolean, signal: AbortSignal): Promise<string> {
    const { accessToken } = this.credentials;
    this.#coming ??= Promise.resolve()
      .then(() => (typeof accessToken === "string" ? accessToken : accessToken({ refresh })))
      .then((token) => (this.token = token))
      .finally(() => (this.#coming = undefined));
    return abortable(signal, this.#coming);
  }

  async #send(path: string, headers: Record<string, string | undefined>, token: string, signal: AbortSignal): Promise<Response> {
    const sent = new Headers({ Authorization: `Bearer ${token}`, "X-Publishable-Key": this.credentials.publishableKey });
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) sent.set(name, value);
    }
    check(signal);
    try {
      // The client asks with If-None-Match itself, so that it sees the 304.
      return await this.environment.fetch(this.credentials.baseUrl + path, { headers: sent, signal, cache: "no-store" });
    } catch (error) {
      check(signal);
      throw new NetworkError(error);
    }
  }
}
