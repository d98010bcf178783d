import type { OutboundEffect } from './outbound-events.ts';
import type { BusEvent } from './types.ts';

const messageDeadlineMs = 60_000;

/** What the parts of a sending stream want done, in order, until the machine's step ends. */
export class Outbox {
  #effects: OutboundEffect[] = [];
  #messageId = 0;

  push(effect: OutboundEffect): void {
    this.#effects.push(effect);
  }

  /** A message of the overlay; the answer: its number in `message` events. */
  send(payload: Uint8Array): number {
    const id = ++this.#messageId;
    this.#effects.push({ kind: 'send', id, payload, deadlineMs: messageDeadlineMs });
    return id;
  }

  abort(id: number): void {
    this.#effects.push({ kind: 'abort', id });
  }

  report(event: BusEvent): void {
    this.#effects.push({ kind: 'report', event });
  }

  take(): readonly OutboundEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
