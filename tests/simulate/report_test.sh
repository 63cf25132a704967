#!/bin/sh
# Runs in which hardly anything can happen fail, and say what never did.
set -eu
if output=$("$1" --seed 1 --count 100 --ms 1); then
  echo "100 runs of a millisecond passed"
  exit 1
fi
# Which of them happen in a hundred milliseconds is chance; that most do not is not.
missing=$(echo "$output" | grep -c " NEVER HAPPENED") || true
[ "$missing" -ge 3 ] || { echo "only $missing things are said never to have happened"; exit 1; }
echo "$output" | grep -q "client.commits_acknowledged [1-9]" || { echo "what did happen is not counted"; exit 1; }
echo "reported"
