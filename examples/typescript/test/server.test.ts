import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";

import { lookupConsumer, NetworkError, type Consumer } from "../src/server.js";

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

test("a server looks a consumer up", async (t) => {
  const known: Consumer = { id: "cons/1", email: null, phone: null, fullName: "A", createdAt: "2024-12-01T09:00:00Z" };
  const baseUrl = await serve(t, (request, response) => {
    response.statusCode = request.headers.authorization !== "Bearer sk" ? 401 : request.url === "/cons%2F1" ? 200 : 404;
    response.setHeader("X-Request-Id", "r1");
    response.end(JSON.stringify(response.statusCode === 401 ? { error: "Secret key required", message: "No." } : known));
  });
  assert.deepEqual(await lookupConsumer({ baseUrl, secretKey: "sk" }, "cons/1"), known);
  assert.equal(await lookupConsumer({ baseUrl, secretKey: "sk" }, "cons_2"), null);
  await assert.rejects(lookupConsumer({ baseUrl, secretKey: "other" }, "cons/1"), {
    name: "ApiError", message: "Secret key required: No.", status: 401, error: "Secret key required", requestId: "r1", retryAfter: undefined,
  });
});

test("an id that would change the path is nobody's, and a page in place of a profile is a NetworkError", async (t) => {
  const asked: unknown[] = [];
  const baseUrl = await serve(t, (request, response) => {
    asked.push(request.url);
    response.end("<h1>Shop</h1>");
  });
  for (const id of ["", ".", ".."]) assert.equal(await lookupConsumer({ baseUrl, secretKey: "sk" }, id), null);
  assert.deepEqual(asked, []);
  await assert.rejects(lookupConsumer({ baseUrl, secretKey: "sk" }, "cons_1"), (error) => error instanceof NetworkError);
});

test("a look-up without a response is a NetworkError, and ends with the reason of its signal", async (t) => {
  const baseUrl = await serve(t, (request) => request.socket.destroy());
  await assert.rejects(lookupConsumer({ baseUrl, secretKey: "sk" }, "cons_1"), (error) => error instanceof NetworkError);
  const reason = new Error("enough");
  await assert.rejects(lookupConsumer({ baseUrl, secretKey: "sk", signal: AbortSignal.abort(reason) }, "cons_1"), reason);
});
