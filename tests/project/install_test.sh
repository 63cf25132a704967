#!/usr/bin/env bash
# Installs the build into a fresh folder and builds two foreign projects against it: examples/embed and the README's program.
set -euo pipefail
source_dir=$1
binary_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$binary_dir" --prefix "$work/prefix" >"$work/install.log"
test -e "$work"/prefix/include/ldb/ldb.hpp
find "$work/prefix" -name "libldbxx.*" | grep -q libldbxx

build_and_run() {  # NAME SOURCE
  cmake -S "$source_dir/examples/embed" -B "$work/$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DEMBED_SOURCE="$2" -DCMAKE_CXX_COMPILER_LAUNCHER="$source_dir/cmake/ccache-launch" >"$work/$1.log" 2>&1 || { cat "$work/$1.log"; return 1; }
  cmake --build "$work/$1" >>"$work/$1.log" 2>&1 || { cat "$work/$1.log"; return 1; }
  (cd "$work" && "$work/$1/app")
}

build_and_run embed "$source_dir/examples/embed/main.cpp" | grep -x 'ldb 0.1.0: 2 rows'

awk '/^```cpp$/ { block++; inside = (block == 1); next } /^```$/ { inside = 0 } inside' "$source_dir/README.md" >"$work/readme.cpp"
lines=$(grep -c . "$work/readme.cpp")
[ "$lines" -le 16 ] || { echo "the README's program has $lines lines"; exit 1; }
output=$(build_and_run readme "$work/readme.cpp")
[ "$output" = $'Lisboa: 545796\nPorto: 231800\nvisited: yes' ] || { echo "the README's program printed: $output"; exit 1; }
diff "$work/readme.cpp" <(sed '1{/^\/\//d}' "$source_dir/examples/hello.cpp")
echo "install tree, examples/embed and README: ok"
