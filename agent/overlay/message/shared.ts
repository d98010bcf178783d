import type { MessageCounters } from './counters.ts';
import { newCounters } from './counters.ts';
import { HalfOpen } from './half-open.ts';
import type { MessageOptions } from './options.ts';
import { Remembered } from './remembered.ts';
import { Unread } from './unread.ts';

/** What a message is counted in and bounded by, in whatever form it comes or goes. */
export class Shared {
  readonly counters: MessageCounters = newCounters();
  readonly halfOpen: HalfOpen;
  readonly remembered: Remembered;
  readonly unread: Unread;
  readonly load: Load;

  constructor(options: MessageOptions) {
    this.halfOpen = new HalfOpen(options, this.counters);
    this.remembered = new Remembered(options);
    this.unread = new Unread(options.unreadCount);
    this.load = new Load(options);
  }
}

/** Unfinished messages of ours, bounded in number and bytes. */
export class Load {
  readonly #options: MessageOptions;
  count = 0;
  bytes = 0;

  constructor(options: MessageOptions) {
    this.#options = options;
  }

  hasRoom(lengthBytes: number): boolean {
    return (
      this.count < this.#options.outboxCount &&
      (this.count === 0 || this.bytes + lengthBytes <= this.#options.outboxBytes)
    );
  }

  take(lengthBytes: number): void {
    this.count++;
    this.bytes += lengthBytes;
  }

  giveBack(lengthBytes: number): void {
    this.count--;
    this.bytes -= lengthBytes;
  }
}
