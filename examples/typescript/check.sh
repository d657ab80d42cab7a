#!/usr/bin/env bash
# Lints the OpenAPI description, generates TypeScript types from it, type-checks and
# tests the client, and runs it against the example server. It needs Go, Node.js and
# npm, and no network but npm's.
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
  node build/live.js || { cat "$work/log" >&2; exit 1; }
