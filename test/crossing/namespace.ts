import { execFileSync } from 'node:child_process';

/** Whether this process may make network namespaces. */
export const canNamespace: boolean = process.getuid?.() === 0 && hasIp();

function hasIp(): boolean {
  try {
    const probe = `hypha-probe-${process.pid}`;
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return true;
  } catch {
    return false;
  }
}

/** A network namespace with one veth link to this one; taking its end down freezes the link without a word to anyone. */
export class FarNamespace {
  readonly name = `hypha-${process.pid}`;
  readonly address: string;
  /** The two ends of the link, as devices. */
  readonly near = `hyn${process.pid}`;
  readonly far = `hyf${process.pid}`;

  constructor() {
    const subnet = `10.213.${process.pid % 256}`;
    this.address = `${subnet}.2`;
    ip('netns', 'add', this.name);
    ip('link', 'add', this.near, 'type', 'veth', 'peer', 'name', this.far, 'netns', this.name);
    ip('addr', 'add', `${subnet}.1/30`, 'dev', this.near);
    ip('link', 'set', this.near, 'up');
    this.#inside('addr', 'add', `${this.address}/30`, 'dev', this.far);
    this.#inside('link', 'set', 'lo', 'up');
    this.up();
  }

  /** In front of a command that is to run there. */
  get wrapper(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  down(): void {
    this.#inside('link', 'set', this.far, 'down');
  }

  up(): void {
    this.#inside('link', 'set', this.far, 'up');
  }

  remove(): void {
    ip('netns', 'del', this.name);
  }

  #inside(...args: readonly string[]): void {
    ip('-n', this.name, ...args);
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
