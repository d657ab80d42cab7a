#!/usr/bin/env bash
# Lints the OpenAPI descriptions, generates TypeScript types from them, type-checks, tests and
# measures the client, builds the documentation's page, installs the package into an empty
# project, and runs the client and the engines (this one and that in Python) against the
# example server. It needs Go, Node.js, npm and Python 3, and no network but npm's.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --silent
npm run --silent check

work=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

# The package installs into an empty project, and type-checks there as bundlers and as Node.js
# find it: without React, and with it.
package=$PWD/build/$(npm pack --silent --ignore-scripts --pack-destination build)
mkdir "$work/project"
cp .npmrc "$work/project"
cat >"$work/project/plain.ts" <<'TYPESCRIPT'
import { createClient, type Admission, type Me } from "@rejoinhq/client";
import { lookupConsumer } from "@rejoinhq/client/server";

const fanfare = createClient({ baseUrl: "", publishableKey: "", accessToken: "", onResume: (admission: Admission) => admission.admissionToken });
export const me: Promise<Me> = fanfare.consumer.getMe();
export const token = (admission: Admission): string => fanfare.checkout.resume(admission);
export const found = lookupConsumer({ baseUrl: "", secretKey: "" }, "cons_1");
// @ts-expect-error: a client needs a token
createClient({ baseUrl: "", publishableKey: "" });
TYPESCRIPT
cat >"$work/project/react.ts" <<'TYPESCRIPT'
import { createClient } from "@rejoinhq/client";
import { RejoinProvider, useConsumer, type UseConsumer } from "@rejoinhq/client/react";
import { createElement } from "react";

const client = createClient({ baseUrl: "", publishableKey: "", accessToken: "" });
export const element = createElement(RejoinProvider, { client });
export const used: () => UseConsumer = useConsumer;
TYPESCRIPT
tsc=$PWD/node_modules/.bin/tsc
(
  cd "$work/project"
  npm init --yes --init-type module >/dev/null
  npm install --silent "$package"
  "$tsc" --noEmit --strict --target es2022 --module esnext --moduleResolution bundler plain.ts
  "$tsc" --noEmit --strict --target es2022 --module nodenext --moduleResolution nodenext plain.ts
  npm install --silent react@19 @types/react@19
  "$tsc" --noEmit --strict --target es2022 --module esnext --moduleResolution bundler plain.ts react.ts
  "$tsc" --noEmit --strict --target es2022 --module nodenext --moduleResolution nodenext plain.ts react.ts
  node --eval 'import("@rejoinhq/client").then(({ createClient }) => createClient({ baseUrl: "", publishableKey: "", accessToken: "" }))'
)

go build -o "$work/server" ../server
"$work/server" -addr 127.0.0.1:0 -database sqlite::memory: -demo >"$work/greeting" 2>"$work/log" &
server=$!
for _ in $(seq 100); do
  grep -q 'Authorization: Bearer sk_' "$work/greeting" && break
  sleep 0.1
done
first() { grep -o "$1" "$work/greeting" | head -1; }
BASE_URL="$(first 'http://[0-9.]*:[0-9]*')/api/v1/consumers" \
PUBLISHABLE_KEY=$(first 'pk_test_[0-9A-Za-z]*') \
ACCESS_TOKEN=$(first 'eyJ[0-9A-Za-z_.-]*') \
SECRET_KEY=$(first 'sk_test_[0-9A-Za-z]*') \
RECORDS_URL="$(first 'http://[0-9.]*:[0-9]*')/api/v1/records" \
  node build/live.js || { cat "$work/log" >&2; exit 1; }

# Each engine admits a new consumer, and what is stored about them says so.
records="$(first 'http://[0-9.]*:[0-9]*')/api/v1/records"
secret=$(first 'sk_test_[0-9A-Za-z]*')
RECORDS_URL=$records SECRET_KEY=$secret node build/engine.js cons_typescript
python3 ../python/engine.py "$records" "$secret" cons_python
SECRET_KEY=$secret python3 - "$records"/cons_{typescript,python} <<'PYTHON'
import json, os, sys, urllib.request

for url in sys.argv[1:]:
    request = urllib.request.Request(url, headers={"Authorization": "Bearer " + os.environ["SECRET_KEY"]})
    (participation,) = json.load(urllib.request.urlopen(request, timeout=10))["participations"]
    assert (participation["shows"], participation["status"]) == ("active", "ADMITTED"), participation
PYTHON
