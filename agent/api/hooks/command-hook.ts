import { minutes } from '#kernel';
import type { MessageRecord } from '#ring';
import type { Consumer, Notice } from '../consumers/consumer.ts';
import { contentOf } from '../consumers/notice.ts';
import { Patience, type PatiencePorts } from './patience.ts';
import type { HookRule, RunningProgram, RunProgram } from './types.ts';

export interface CommandHookPorts extends PatiencePorts {
  readonly run: RunProgram;
}

/**
 * Runs the command for each message, one at a time and in order: payload on standard input, the rest in the environment.
 * Exit code 0 acknowledges; anything else, or more time than it has, and the same message comes again later.
 */
export class CommandHook {
  readonly patience: Patience;
  readonly #rule: HookRule;
  readonly #consumer: Consumer;
  readonly #ports: CommandHookPorts;
  #running: RunningProgram | null = null;
  #leave: () => void = () => undefined;
  #isStopped = false;
  /** Messages that were dropped since the last run. */
  #missed = 0;
  done = 0;

  constructor(rule: HookRule, consumer: Consumer, ports: CommandHookPorts) {
    this.#rule = rule;
    this.#consumer = consumer;
    this.#ports = ports;
    this.patience = new Patience(ports, minutes(5));
  }

  start(): void {
    const reader = { give: (notice: Notice) => this.#give(notice), ended: () => undefined };
    this.#leave = this.#consumer.attach(reader, { window: 1, retryAfter: null, skipTo: 0 });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.patience.stop();
    this.#leave();
    this.#running?.stop();
    await this.#running?.ended;
  }

  async #give(notice: Notice): Promise<void> {
    if (notice.kind === 'gap') {
      this.#missed += notice.count;
      this.#consumer.acknowledge(notice.to);
      return;
    }
    if (this.#isStopped) return;
    const why = await this.#run(notice);
    // Ended by us it may have said 0 without having done its work.
    if (this.#isStopped) return;
    if (why === null) this.#went(notice);
    else this.patience.failedWith(why, () => this.#consumer.retry());
  }

  #went({ sequence }: MessageRecord): void {
    this.done++;
    this.#missed = 0;
    this.patience.went();
    this.#consumer.acknowledge(sequence);
  }

  async #run(record: MessageRecord): Promise<string | null> {
    const { command, timeout } = this.#rule;
    const { payload } = contentOf(record);
    const variables = this.#variablesOf(record);
    // The record's bytes may be another's when the program comes to read them.
    const input = Uint8Array.from(payload);
    this.#running = this.#ports.run(command ?? [], { input, variables, timeoutMs: timeout });
    const why = await this.#running.ended;
    this.#running = null;
    return why;
  }

  #variablesOf(record: MessageRecord): Readonly<Record<string, string>> {
    const { contentType, userProperties = [] } = contentOf(record).properties;
    const letter = record.topic.startsWith('$hypha/inbox/') ? new Map(userProperties) : new Map<string, string>();
    return {
      HYPHA_HOOK: this.#rule.name,
      HYPHA_TOPIC: record.topic,
      HYPHA_ID: String(record.sequence),
      HYPHA_ATTEMPT: String(this.patience.failures + 1),
      HYPHA_MISSED: String(this.#missed),
      HYPHA_RETAIN: record.retain ? '1' : '0',
      HYPHA_FROM: letter.get('from') ?? record.provenance?.origin ?? '',
      ...(contentType === undefined ? {} : { HYPHA_CONTENT_TYPE: contentType }),
    };
  }
}
