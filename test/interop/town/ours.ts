import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { identityOf } from '#crypto';
import type { Endpoint, PublicKey } from '#kernel';
import type { OverlayCounters } from '#overlay';
import type { Citizen } from './citizen.ts';
import { Inbox } from './inbox.ts';
import type { Answer, Question, Setting } from './talk.ts';

const program = new URL('./ours-process.ts', import.meta.url).pathname;

type Status = Extract<Answer, { kind: 'status' }>;

/** A node of ours as a process in a network namespace. */
export class OurCitizen implements Citizen {
  readonly kind = 'ours';
  readonly publicKey: PublicKey;
  readonly where: string;
  readonly inbox = new Inbox();
  readonly #setting: Setting;
  readonly #acknowledged = new Set<string>();
  #asking: ((status: Status) => void)[] = [];
  #ready: (() => void) | null = null;
  #child: ChildProcess | null = null;

  constructor(where: string, port: number, peers: readonly Endpoint[], options: Setting['options']) {
    const secretKey = randomBytes(32);
    this.publicKey = identityOf(secretKey).publicKey;
    this.where = where;
    this.#setting = { secretKey: secretKey.toString('hex'), port, peers, options };
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const args = ['netns', 'exec', this.where, process.execPath, program, JSON.stringify(this.#setting)];
    const child = spawn('ip', args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child = child;
    child.on('message', (answer: Answer) => this.#take(answer));
    await new Promise<void>((resolve, reject) => {
      this.#ready = resolve;
      child.once('exit', () => reject(new Error('a node of ours ended before it was ready')));
    });
  }

  async send(to: Citizen, text: string): Promise<void> {
    this.#ask({ kind: 'send', to: to.publicKey, text });
  }

  async isAcknowledged(text: string): Promise<boolean> {
    return this.#acknowledged.has(text);
  }

  async nextHop(to: Citizen): Promise<string | undefined> {
    const { routes } = await this.status();
    return routes.find(({ publicKey, selected }) => selected && publicKey === to.publicKey)?.nextHop;
  }

  async counters(): Promise<OverlayCounters> {
    return (await this.status()).counters;
  }

  status(): Promise<Status> {
    return new Promise((resolve) => {
      this.#asking.push(resolve);
      this.#ask({ kind: 'status' });
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  remove(): Promise<void> {
    return this.kill();
  }

  #ask(question: Question): void {
    this.#child?.send(question);
  }

  #take(answer: Answer): void {
    if (answer.kind === 'ready') this.#ready?.();
    else if (answer.kind === 'received') this.inbox.put(answer.from, answer.text);
    else if (answer.kind === 'status') this.#asking.shift()?.(answer);
    else if (answer.state === 'received' || answer.state === 'read') this.#acknowledged.add(answer.text);
  }
}
