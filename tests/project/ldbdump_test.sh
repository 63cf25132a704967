#!/usr/bin/env bash
# ldbdump over a directory that ldbsh wrote: fine, then damaged.   ldbdump_test.sh LDBSH LDBDUMP
set -euo pipefail
ldbsh=$1
ldbdump=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "ldbdump_test: $*" >&2; exit 1; }

"$ldbsh" "$folder/data" -c "CREATE TABLE t (id INT PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'Lisboa'), (2, 'Porto')" >/dev/null
engine=$(dirname "$(find "$folder/data" -name CURRENT)")
"$ldbdump" verify "$engine" >"$folder/out" || fail "a clean directory is called damaged: $(cat "$folder/out")"
grep -q 'no damage' "$folder/out" || fail "no verdict"
"$ldbdump" log "$engine" >"$folder/log"
grep -q Lisboa "$folder/log" || fail "the log does not show the row"
"$ldbdump" manifest "$engine" | grep -q 'log begins at' || fail "the manifest does not say where the log begins"

# One byte of the first log record, which later ones vouch for.
log=$(find "$engine" -name '*.wal' | sort | head -1)
printf '\377' | dd of="$log" bs=1 seek=70 conv=notrunc status=none
code=0
"$ldbdump" verify "$engine" >"$folder/out" || code=$?
[ "$code" = 1 ] || fail "damage gives exit code $code"
grep -q "$(basename "$log"): offset 64: " "$folder/out" || fail "file and offset are not named: $(cat "$folder/out")"
code=0
"$ldbdump" verify "$folder/none" 2>/dev/null || code=$?
[ "$code" = 2 ] || fail "a missing directory gives exit code $code"
echo "ldbdump_test: passed"
