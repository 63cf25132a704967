#!/bin/sh
# Two runs of one seed take the same course.
set -eu
for seed in 7 77 777; do
  first=$("$1" --seed $seed | grep -o 'trace [0-9a-f]*')
  second=$("$1" --seed $seed | grep -o 'trace [0-9a-f]*')
  other=$("$1" --seed $((seed + 1)) | grep -o 'trace [0-9a-f]*')
  [ -n "$first" ] && [ "$first" = "$second" ] || { echo "seed $seed: $first, then $second"; exit 1; }
  [ "$first" != "$other" ] || { echo "seeds $seed and $((seed + 1)) take the same course"; exit 1; }
done
echo "replayed"
