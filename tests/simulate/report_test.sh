#!/bin/sh
# Runs in which hardly anything can happen fail, and say what never did.
set -eu
if output=$("$1" --seed 1 --count 100 --ms 1); then
  echo "100 runs of a millisecond passed"
  exit 1
fi
for name in fault.disk_restored fault.message_duplicated fault.file_sync_error; do
  echo "$output" | grep -q "$name NEVER HAPPENED" || { echo "no word of $name"; exit 1; }
done
echo "$output" | grep -q "client.commits_acknowledged [1-9]" || { echo "what did happen is not counted"; exit 1; }
echo "reported"
