import {
  AgentError,
  after,
  type Duration,
  type Env,
  type Instant,
  isAgentError,
  messageOf,
  milliseconds,
  type PublicKey,
  seconds,
  since,
  type Timer,
} from '#kernel';
import type { DaemonStatus } from '../types.ts';
import type { DaemonCounters } from './counters.ts';
import { holdPolicy, isPolicyHeld, type WantedTopic } from './policy.ts';
import type { StockApi } from './stock-api.ts';

const rounds = { wanted: seconds(1), whole: seconds(10) };
const waits = { shortest: 100, longest: 5000, otherKey: 10_000 };
/** How long `start` may wait for a daemon that does not answer. */
const startPatience = seconds(3);

export interface WatchPorts {
  readonly env: Env;
  readonly api: StockApi;
  readonly url: string;
  readonly publicKey: PublicKey;
  readonly topics: () => readonly WantedTopic[];
  readonly counters: DaemonCounters;
  /** `isNew`: it has been started since, and has forgotten everything. Called before anything is asked of it. */
  readonly ready: (isNew: boolean) => void;
  readonly lost: () => void;
}

/**
 * Whether the daemon is there, is the node that this agent is, and refuses what it must. States: starting → ready ⇄
 * unreachable, and other-key when it shows another key. It is only ready with its topics set right: they are gone after
 * each restart. While ready they are looked at again every 10 s, and at once when the agent wants others.
 */
export class Watch {
  readonly #ports: WatchPorts;
  #state: DaemonStatus['state'] = 'starting';
  #since: Instant;
  #why: string | null = 'not asked yet';
  #startTime: number | null = null;
  #attempts = 0;
  #held = '';
  #wholeAt: Instant;
  #timer: Timer | null = null;
  #isRunning = false;
  #isAsking = false;
  #first: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | null = null;

  constructor(ports: WatchPorts) {
    this.#ports = ports;
    this.#since = ports.env.clock.now();
    this.#wholeAt = this.#since;
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  get status(): DaemonStatus {
    const { env, url, counters } = this.#ports;
    const forMs = since(this.#since, env.clock.now());
    return { url, state: this.#state, forMs, why: this.#why, restarts: counters.daemon_restarts };
  }

  /** Rejects with `daemon/other-key`. A daemon that is not there yet is waited for only briefly. */
  start(): Promise<void> {
    const { clock } = this.#ports.env;
    this.#isRunning = true;
    return new Promise((resolve, reject) => {
      const timer = clock.at(after(clock.now(), startPatience), resolve);
      const settled = (then: () => void): void => {
        timer.cancel();
        this.#first = null;
        then();
      };
      this.#first = { resolve: () => settled(resolve), reject: (error) => settled(() => reject(error)) };
      this.#greet();
    });
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#first?.resolve();
  }

  /** A request has failed. Being too busy, or an answer that is too long, says nothing about the daemon. */
  failed(error: unknown): void {
    if (!this.#isRunning || !this.isReady) return;
    if (isAgentError(error, 'daemon/busy') || isAgentError(error, 'daemon/too-large')) return;
    this.#lose(error);
    this.#again(this.#backOff());
  }

  #greet(): void {
    if (this.#isAsking || !this.#isRunning) return;
    this.#isAsking = true;
    this.#meet().then(
      () => this.#asked(null),
      (error: unknown) => this.#asked(error),
    );
  }

  async #meet(): Promise<void> {
    const { api, publicKey, url, topics, counters, env } = this.#ports;
    const info = await api.info();
    if (info.publicKey !== publicKey) throw otherKey(url, info.publicKey, publicKey);
    const wanted = topics();
    counters.daemon_policy_repairs += await holdPolicy(api, wanted, env.log);
    this.#held = JSON.stringify(wanted);
    if (this.#isRunning) this.#become(info.startTime);
  }

  #become(startTime: number): void {
    const { counters, env, url, ready } = this.#ports;
    const isNew = this.#startTime !== null && this.#startTime !== startTime;
    this.#startTime = startTime;
    if (isNew) counters.daemon_restarts++;
    this.#enter('ready', null);
    this.#wholeAt = after(env.clock.now(), rounds.whole);
    env.log.info('daemon-ready', { url, restarted: isNew });
    ready(isNew);
  }

  #asked(error: unknown): void {
    this.#isAsking = false;
    if (!this.#isRunning) return;
    if (error === null) {
      this.#first?.resolve();
      this.#again(rounds.wanted);
    } else this.#refused(error);
  }

  #refused(error: unknown): void {
    const isOther = isAgentError(error, 'daemon/other-key');
    if (isOther && this.#first !== null) {
      this.#isRunning = false;
      this.#first.reject(error);
      return;
    }
    this.#lose(error);
    this.#first?.resolve();
    this.#again(isOther ? milliseconds(waits.otherKey) : this.#backOff());
  }

  #lose(error: unknown): void {
    const { counters, env, url, lost } = this.#ports;
    const state = isAgentError(error, 'daemon/other-key') ? 'other-key' : 'unreachable';
    counters.daemon_failures++;
    this.#why = messageOf(error);
    if (this.#state === state) return;
    this.#enter(state, this.#why);
    if (state === 'other-key') env.log.error('daemon-other-key', { url, why: this.#why });
    else env.log.warn('daemon-unreachable', { url, why: this.#why });
    lost();
  }

  #enter(state: DaemonStatus['state'], why: string | null): void {
    const now = this.#ports.env.clock.now();
    if (state !== 'ready' && since(this.#since, now) > rounds.whole) this.#attempts = 0;
    this.#state = state;
    this.#since = now;
    this.#why = why;
  }

  #backOff(): Duration {
    const doubled = Math.min(waits.longest, waits.shortest * 2 ** Math.min(this.#attempts++, 10));
    return milliseconds(doubled * (0.75 + this.#ports.env.random.fraction() / 2));
  }

  #again(wait: Duration): void {
    const { clock } = this.#ports.env;
    this.#timer?.cancel();
    this.#timer = clock.at(after(clock.now(), wait), () => (this.isReady ? this.#round() : this.#greet()));
  }

  #round(): void {
    this.#look().then(
      () => {
        if (this.#isRunning && this.isReady) this.#again(rounds.wanted);
      },
      (error: unknown) => {
        if (isAgentError(error, 'daemon/busy')) this.#again(rounds.wanted);
        else this.failed(error);
      },
    );
  }

  async #look(): Promise<void> {
    const { api, topics, counters, env, publicKey, url } = this.#ports;
    const wanted = topics();
    const text = JSON.stringify(wanted);
    const isDue = env.clock.now() >= this.#wholeAt;
    if (text === this.#held && !isDue) return;
    if (isDue) {
      this.#wholeAt = after(env.clock.now(), rounds.whole);
      const info = await api.info();
      if (info.publicKey !== publicKey) throw otherKey(url, info.publicKey, publicKey);
      if (info.startTime !== this.#startTime) throw restarted(url);
      if (text === this.#held && (await isPolicyHeld(api, wanted))) return;
      if (text === this.#held) env.log.warn('daemon-policy-was-changed', { url });
    }
    counters.daemon_policy_repairs += await holdPolicy(api, wanted, env.log);
    this.#held = text;
  }
}

const short = (key: PublicKey): string => `${key.slice(0, 16)}…`;

const otherKey = (url: string, found: PublicKey, wanted: PublicKey): AgentError =>
  new AgentError(
    'daemon/other-key',
    'reconfigure',
    `daemon at ${url}: found the key ${short(found)}, wanted that of identity.key (${short(wanted)}); ` +
      "copy the daemon's key file (its --key-file) to identity.key in the data directory, or give the daemon that one",
  );

const restarted = (url: string): AgentError =>
  new AgentError('daemon/unreachable', 'retry', `daemon at ${url}: it was started anew`);
