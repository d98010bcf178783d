import { type Log, since } from '#kernel';
import type { Ring } from '#ring';
import { Consumer } from '../consumers/consumer.ts';
import { CommandHook, type CommandHookPorts } from './command-hook.ts';
import { SocketHook, type SocketHookPorts } from './socket-hook.ts';
import type { HookRule, HookView } from './types.ts';

const prefix = 'hook/';

export interface HooksPorts extends CommandHookPorts, SocketHookPorts {
  readonly ring: Ring;
  readonly log: Log;
}

interface Entry {
  readonly rule: HookRule;
  readonly consumer: Consumer;
  readonly hook: CommandHook | SocketHook;
}

/** The configured hooks, each behind a cursor of its own: what comes while its program fails or is away waits in the ring. */
export class Hooks {
  readonly #ports: HooksPorts;
  readonly #rules: readonly HookRule[];
  #entries: readonly Entry[] = [];
  #unlisten: () => void = () => undefined;

  constructor(rules: readonly HookRule[], ports: HooksPorts) {
    this.#rules = rules;
    this.#ports = ports;
  }

  start(): void {
    const { ring } = this.#ports;
    this.#sweep();
    this.#entries = this.#rules.map((rule) => this.#make(rule));
    this.#unlisten = ring.onDurable(() => {
      for (const { consumer } of this.#entries) consumer.durable();
    });
    for (const { hook } of this.#entries) hook.start();
  }

  async stop(): Promise<void> {
    this.#unlisten();
    await Promise.all(this.#entries.map(({ hook }) => hook.stop()));
  }

  views(): readonly HookView[] {
    const now = this.#ports.clock.now();
    return this.#entries.map(({ rule: { name, topic, command, socket }, consumer, hook }) => {
      const { failures, failed, since: failingSince, why } = hook.patience;
      const isAway = command === null && !consumer.isConnected;
      return {
        name,
        topic,
        to: command?.join(' ') ?? socket ?? '',
        state: failures > 0 ? 'failing' : isAway ? 'away' : 'ok',
        failures,
        failingForMs: failingSince === null ? null : since(failingSince, now),
        why,
        done: hook.done,
        failed,
        pending: consumer.cursor.account.pending,
      };
    });
  }

  #make(rule: HookRule): Entry {
    const { ring, clock, log } = this.#ports;
    const cursor = ring.cursor({ name: prefix + rule.name, filters: [rule.topic], except: null, from: 'now' });
    const consumer = new Consumer(cursor, { clock, log, durable: () => ring.durable });
    const hook =
      rule.command === null
        ? new SocketHook(rule, consumer, this.#ports)
        : new CommandHook(rule, consumer, this.#ports);
    return { rule, consumer, hook };
  }

  /** A hook that is no longer configured is owed nothing more. */
  #sweep(): void {
    const { ring, log } = this.#ports;
    const owned = new Set(this.#rules.map(({ name }) => prefix + name));
    for (const { name, account } of [...ring.cursors()]) {
      if (!name.startsWith(prefix) || owned.has(name)) continue;
      log.warn('hook-removed', { cursor: name, abandonedRecords: account.pending });
      ring.cursor({ name, filters: [], except: null, from: 'now' }).remove();
    }
  }
}
