import { seconds } from '#kernel';
import type { Consumer, Notice } from '../consumers/consumer.ts';
import { noticeView } from '../consumers/notice.ts';
import type { Contacts } from '../contacts.ts';
import { Patience, type PatiencePorts } from './patience.ts';
import type { HookRule, LineSocket, OpenLines } from './types.ts';

export interface SocketHookPorts extends PatiencePorts {
  readonly openLines: OpenLines;
  readonly contacts: Contacts;
}

/** Given and not acknowledged, at the most. */
const window = 64;

/**
 * Writes each message as a line of JSON to a Unix socket; the program behind it acknowledges with a line back: the id of the
 * last that it has done with. States: away → (connect) → connected → (closed, or nobody there) → away, and later again.
 */
export class SocketHook {
  readonly patience: Patience;
  readonly #rule: HookRule;
  readonly #consumer: Consumer;
  readonly #ports: SocketHookPorts;
  #socket: LineSocket | null = null;
  #leave: () => void = () => undefined;
  #isStopped = false;
  done = 0;

  constructor(rule: HookRule, consumer: Consumer, ports: SocketHookPorts) {
    this.#rule = rule;
    this.#consumer = consumer;
    this.#ports = ports;
    this.patience = new Patience(ports, seconds(30));
  }

  start(): void {
    const socket: LineSocket = this.#ports.openLines(this.#rule.socket ?? '', {
      opened: () => this.#opened(socket),
      line: (text) => this.#line(text),
      closed: (why) => this.#closed(why),
    });
    this.#socket = socket;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.patience.stop();
    this.#leave();
    this.#socket?.close();
  }

  #opened(socket: LineSocket): void {
    const give = (notice: Notice, again: boolean): Promise<void> =>
      socket.write(`${JSON.stringify(noticeView(notice, again, this.#ports.contacts))}\n`);
    const options = { window, retryAfter: this.#rule.timeout, skipTo: 0 };
    this.#leave = this.#consumer.attach({ give, ended: () => undefined }, options);
  }

  /** `17`, `"17"` or `{"id": "17"}`. */
  #line(text: string): void {
    const [, id] = /^(?:\{\s*"id"\s*:\s*)?"?(\d{1,16})"?\s*\}?$/.exec(text.trim()) ?? [];
    if (id === undefined || !this.#consumer.acknowledge(Number(id))) {
      this.patience.why = `it said ${JSON.stringify(text.slice(0, 40))}, wanted the id of a message`;
      return;
    }
    this.done++;
    this.patience.went();
  }

  #closed(why: string): void {
    this.#leave();
    this.#socket = null;
    if (!this.#isStopped) this.patience.failedWith(why, () => this.start());
  }
}
