import type { ServerResponse } from "node:http";
import { env } from "node:process";

import { defineConfig, type Connect } from "vite";

/** Answers what the shop's own server would: who is logged in. */
function session(_: Connect.IncomingMessage, response: ServerResponse): void {
  const { BASE_URL: baseUrl, PUBLISHABLE_KEY: publishableKey, ACCESS_TOKEN: accessToken } = env;
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ baseUrl, publishableKey, accessToken }));
}

export default defineConfig({
  root: import.meta.dirname,
  build: { outDir: "../build/profile", emptyOutDir: true, target: "es2022" },
  plugins: [{ name: "session", configureServer: (server) => void server.middlewares.use("/session", session) }],
});
