# Sourced by scripts/test, after install.sh: programs of Debian that some tests want beside ours. A test that misses one says so
# and is counted as skipped. As root they are installed, and nothing else changes: a package that brings a service (mosquitto)
# neither starts it now nor at the next boot, and no service that was there is started, stopped or restarted.

policy=${policy:-/usr/sbin/policy-rc.d}
log=$root/.build/apt.log

programs='mosquitto:mosquitto mosquitto_pub:mosquitto-clients ip:iproute2 socat:socat python3:python3 mkfs.ext4:e2fsprogs fiu-run:fiu-utils'

missing_packages() {
  for pair in $programs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || printf ' %s' "${pair##*:}"
  done
}

# Debian asks this file before it touches a service (invoke-rc.d, deb-systemd-invoke); 101: leave it alone. A file of the
# machine's own is kept beside it meanwhile; what an earlier run that was killed left is put right first.
forbid_services() {
  allow_services
  if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$policy.before-hypha"; fi
  printf '#!/bin/sh\n# hypha scripts/test, for the time of an installation\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

allow_services() {
  if grep -qs '^# hypha scripts/test' "$policy"; then rm -f "$policy"; fi
  if [ -e "$policy.before-hypha" ] || [ -L "$policy.before-hypha" ]; then mv -f "$policy.before-hypha" "$policy"; fi
}

# A service that came with this installation is not to start at the next boot either. The helper works for packages' own
# scripts alone, so it is told that it does; systemctl would want a systemd that runs.
disable_new_services() {
  case " $1 " in *' mosquitto '*) ;; *) return 0 ;; esac
  if command -v deb-systemd-helper >/dev/null 2>&1; then
    DPKG_MAINTSCRIPT_PACKAGE=mosquitto deb-systemd-helper disable mosquitto.service || return
  fi
  if command -v update-rc.d >/dev/null 2>&1; then update-rc.d mosquitto disable; fi
}

# An archive that is just being updated answers right a little later.
fetch_debian() {
  for try in 1 2 3; do
    if apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $1; then return; fi
    [ "$try" = 3 ] || sleep $((try * 5))
  done
  return 1
}

install_debian() {
  wanted=$(missing_packages)
  if [ -n "$wanted" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing$wanted"
    trap 'allow_services' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    forbid_services
    { fetch_debian "$wanted" && disable_new_services "$wanted"; } >"$log" 2>&1 </dev/null || tail -n 5 "$log" >&2
    allow_services
    trap - EXIT INT TERM
    wanted=$(missing_packages)
  fi
  [ -z "$wanted" ] || say "not here, so some tests are skipped:$wanted"
}
