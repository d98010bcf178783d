import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { root } from './tree.ts';

/** A Debian of the test's making: its apt-get asks the policy about the service that comes with the package, as Debian's does. */
class Debian {
  readonly path = mkdtempSync(join(tmpdir(), 'hypha-debian-'));
  readonly policy = join(this.path, 'sbin/policy-rc.d');

  constructor(t: ExecutionContext, install = 'exit 0') {
    t.teardown(() => rmSync(this.path, { recursive: true, force: true }));
    for (const part of ['bin', 'sbin', '.build']) mkdirSync(join(this.path, part));
    for (const name of ['cat', 'chmod', 'grep', 'mv', 'rm', 'tail'])
      this.#tool(name, `exec /usr/bin/env -i PATH=/usr/bin:/bin ${name} "$@"`);
    this.#tool('id', 'echo 0');
    this.#tool('sleep', 'exit 0');
    this.#tool('deb-systemd-helper', `echo "$DPKG_MAINTSCRIPT_PACKAGE: $*" >>'${this.path}/units'`);
    const ask = `code=0; '${this.policy}' mosquitto start || code=$?; echo "$code" >>'${this.path}/asked'`;
    this.#tool('apt-get', `[ "$1" = update ] && exit 0\n${ask}\n${install}`);
  }

  /** What the installation says. */
  install(): string {
    const script = `set -eu; say() { printf '%s\\n' "$*"; }; . "${root}scripts/debian.sh"; install_debian`;
    const env = { PATH: join(this.path, 'bin'), root: this.path, policy: this.policy };
    return execFileSync('/bin/sh', ['-c', script], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  }

  /** The policy's exit code, each time it was asked. */
  get asked(): string[] {
    return readFileSync(join(this.path, 'asked'), 'utf8').trim().split('\n');
  }

  get units(): string {
    return readFileSync(join(this.path, 'units'), 'utf8');
  }

  #tool(name: string, body: string): void {
    writeFileSync(join(this.path, 'bin', name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
}

test('installing what tests want starts no service, now or at the next boot, and leaves no policy behind', (t) => {
  const debian = new Debian(t);
  t.true(debian.install().includes('installing mosquitto '));
  t.deepEqual(debian.asked, ['101']);
  t.is(debian.units, 'mosquitto: disable mosquitto.service\n');
  t.deepEqual(readdirSync(join(debian.path, 'sbin')), []);
});

test("the machine's own policy is back after the installation, also after one that failed", (t) => {
  for (const outcome of ['exit 0', 'exit 100']) {
    const debian = new Debian(t, outcome);
    writeFileSync(debian.policy, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    debian.install();
    t.deepEqual(new Set(debian.asked), new Set(['101']));
    t.is(readFileSync(debian.policy, 'utf8'), '#!/bin/sh\nexit 0\n');
    t.deepEqual(readdirSync(join(debian.path, 'sbin')), ['policy-rc.d']);
  }
});

test('what an installation that was killed left is put right by the next', (t) => {
  const killed = new Debian(t, 'kill -9 $PPID; exit 1');
  writeFileSync(killed.policy, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  t.throws(() => killed.install());
  t.true(existsSync(`${killed.policy}.before-hypha`));
  writeFileSync(join(killed.path, 'bin/apt-get'), '#!/bin/sh\nexit 0\n');
  killed.install();
  t.is(readFileSync(killed.policy, 'utf8'), '#!/bin/sh\nexit 0\n');
  t.deepEqual(readdirSync(join(killed.path, 'sbin')), ['policy-rc.d']);
});
