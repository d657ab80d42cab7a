// Prints the sizes of the bundles that a browser loads, and fails if one is too large: the client
// must not take more than 5,000 bytes compressed.

import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const client = `export { createClient } from "./build/src/index.js"`;

for (const [name, limit, code] of [
  ["client", 5000, client],
  ["client and React hook", 5500, `${client}; export * from "./build/src/react.js"`],
]) {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react"],
    write: false,
  });
  const [{ contents }] = outputFiles;
  const compressed = gzipSync(contents, { level: 9 }).length;
  console.log(`${name}: ${contents.length} B minified, ${compressed} B compressed`);
  if (compressed > limit) {
    process.exitCode = 1;
    console.error(`${name} must not take more than ${limit} B compressed`);
  }
}
