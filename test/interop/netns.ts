import { execFileSync } from 'node:child_process';
import type { ExecutionContext } from 'ava';

/** Root with `ip` may make network namespaces. */
export const canMakeNamespaces = process.getuid?.() === 0 && works('ip', ['netns', 'list']);

function works(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

let made = 0;

/** A network namespace with loopback up; gone with the test. */
export function namespace(t: ExecutionContext, label: string): string {
  const name = `hy${process.pid}-${++made}-${label}`;
  ip('netns', 'add', name);
  t.teardown(() => works('ip', ['netns', 'del', name]));
  ip('-n', name, 'link', 'set', 'lo', 'up');
  return name;
}

/** A cable between two namespaces, both ends up. IPv6 addresses are usable at once. */
export function cable(from: readonly [string, string], to: readonly [string, string]): void {
  const [[a, aName], [b, bName]] = [from, to];
  ip('-n', a, 'link', 'add', aName, 'type', 'veth', 'peer', 'name', bName, 'netns', b);
  for (const [where, name] of [from, to]) {
    execFileSync('ip', ['netns', 'exec', where, 'sh', '-c', `echo 0 >/proc/sys/net/ipv6/conf/${name}/accept_dad`]);
    ip('-n', where, 'link', 'set', name, 'up');
  }
  for (const [where, name] of [from, to]) untilUsable(where, name);
}

/** The kernel gives the link-local address a moment after the carrier; a daemon that starts before may never look again. */
function untilUsable(where: string, name: string): void {
  for (let tries = 0; tries < 500; tries++) {
    if (ip('-n', where, '-6', 'address', 'show', 'dev', name, 'scope', 'link', '-tentative').includes('fe80')) return;
    execFileSync('sleep', ['0.01']);
  }
}

export function setUp(where: string, name: string, isUp: boolean): void {
  ip('-n', where, 'link', 'set', name, isUp ? 'up' : 'down');
}
