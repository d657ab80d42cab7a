// Makes modules of the two snippets of the API's documentation, which are unchanged but for
// the import. Where the documentation itself is there, its snippets must be the ones here.

import { mkdir, readFile, writeFile } from "node:fs/promises";

const here = new URL("./", import.meta.url);
const documentation = await readFile(new URL("../../../../shared/seed-consumer-identity-api.txt", here), "utf8").catch((error) => {
  if (error.code !== "ENOENT") throw error;
});

/** Returns a snippet, which the documentation has between two lines. */
async function snippet(name, after, before) {
  const text = await readFile(new URL(`documentation/${name}`, here), "utf8");
  if (documentation !== undefined) {
    const begin = documentation.indexOf(`\n${after}\n`) + after.length + 2;
    const found = documentation.slice(begin, documentation.indexOf(`\n${before}\n`, begin));
    if (found.trim() !== text.trim()) {
      throw new Error(`documentation/${name} is not what the documentation has between "${after}" and "${before}"`);
    }
  }
  return text;
}

/** Replaces what must be there once. */
function replaceOnce(text, from, to) {
  if (text.split(from).length !== 2) {
    throw new Error(`the snippet must have ${from} once`);
  }
  return text.replace(from, to);
}

const page = replaceOnce(
  await snippet("ProfilePage.tsx", "React\n", "Direct API Usage"),
  'from "@fanfare/sdk-react"',
  'from "@rejoinhq/client/react"',
);
const resume = await snippet("resume.ts", "The SDK uses the journeys array to automatically resume consumer experiences:", "SDK Usage");

const generated = new URL("generated/", here);
await mkdir(generated, { recursive: true });
await writeFile(
  new URL("ProfilePage.tsx", generated),
  `import { Error, JourneyCard, Loading } from "../parts.js";\n\n${page}\nexport { ProfilePage };\n`,
);
await writeFile(new URL("resume.ts", generated), `import { fanfare } from "../fanfare.js";\n\n${resume}`);
