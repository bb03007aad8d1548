# Sourced by the scripts beside this directory: what they need is built or installed, once.
#
#   SWITCHBOARD, DEMO_SHOP   programs to use in place of those that are built here

e2e=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(cd "$e2e/../.." && pwd)
target="${CARGO_TARGET_DIR:-$root/target}"

# The server and the demo's backends.
build() {
  if [[ -z ${SWITCHBOARD:-} || -z ${DEMO_SHOP:-} ]]; then
    (cd "$root" && cargo build --quiet --locked --release --bin switchboard &&
      cargo build --quiet --locked --release -p switchboard-harness --bin demo-shop)
  fi
  export SWITCHBOARD="${SWITCHBOARD:-$target/release/switchboard}"
  export DEMO_SHOP="${DEMO_SHOP:-$target/release/demo-shop}"
}

# npm_install DIRECTORY: what its package.json says.
npm_install() {
  (cd "$1" && npm install --no-audit --no-fund --no-package-lock --loglevel error --prefer-offline)
}

# need COMMAND PACKAGE…: installs Debian packages where a command is missing.
need() {
  local command=$1 sudo=
  shift
  command -v "$command" >/dev/null && return 0
  ((EUID == 0)) || sudo="sudo -n"
  $sudo apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# A browser without a window, as CHROMIUM.
chromium() {
  CHROMIUM="${CHROMIUM:-$(command -v chromium-headless-shell || command -v chromium || true)}"
  if [[ -z $CHROMIUM ]]; then
    need chromium-headless-shell chromium-headless-shell
    CHROMIUM=$(command -v chromium-headless-shell)
  fi
  export CHROMIUM
}
