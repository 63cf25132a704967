# Shared by the scripts: where the project is, what it needs, how it is built. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
JOBS=${JOBS:-$(nproc)}

BUILD_PACKAGES="g++ cmake ninja-build ccache mold pkg-config libasio-dev libcapnp-dev capnproto libxxhash-dev libzstd-dev libfmt-dev
  robin-map-dev catch2 libcli11-dev libedit-dev"
TEST_PACKAGES="clang-14 libclang-rt-14-dev llvm-14 libpg-query-dev libprotobuf-c-dev postgresql-15 python3
  librocksdb-dev"
BENCH_PACKAGES="librocksdb-dev libleveldb-dev liblmdb-dev libsqlite3-dev"

say() { printf '\n=== %s\n' "$*"; }

# install_packages NAME...: those of them that are missing, from Debian, unattended.
install_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "All Debian packages needed are there"
    return
  fi
  say "Installing Debian packages: ${missing[*]}"
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "$0: run as root, or install sudo" >&2; exit 1; }
    sudo=(sudo)
  fi
  # PostgreSQL is only ever started by the comparison itself, in a folder of its own.
  "${sudo[@]}" mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  "${sudo[@]}" apt-get -qq update
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  say "Building preset $preset${1:+: $*}"
  cmake --preset "$preset" >"$ROOT/build/$preset-configure.log" 2>&1 || { cat "$ROOT/build/$preset-configure.log"; return 1; }
  local start=$SECONDS
  cmake --build --preset "$preset" -j "$JOBS" ${1:+--target "$@"} | { grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Generating|Compiling)' || true; }
  echo "built in $((SECONDS - start)) s"
}
mkdir -p "$ROOT/build"
