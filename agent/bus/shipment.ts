import type { Instant } from '#kernel';
import { sequence, since } from '#kernel';
import type { GapRecord, MessageRecord } from '#ring';
import { longestWait } from './asking.ts';
import type { Ack, Course } from './frame.ts';
import type { OutboundOptions } from './outbound-events.ts';
import type { Outbox } from './outbox.ts';
import { Packer } from './packer.ts';
import type { Patience } from './patience.ts';
import type { Settlement } from './settled.ts';
import type { Flight } from './window.ts';
import { Window } from './window.ts';

export interface ShipmentParts {
  readonly options: OutboundOptions;
  readonly course: Course;
  readonly outbox: Outbox;
  readonly settlement: Settlement;
  readonly patience: Patience;
}

/**
 * The batches of one session: packed, under way, acknowledged. A batch goes at once when nothing is under way, and is
 * filled otherwise. What an ack says is durable there is settled here, and with it what no link takes before it.
 */
export class Shipment {
  readonly #parts: ShipmentParts;
  readonly #window = new Window();
  readonly #packer: Packer;
  /** The far ring takes nothing now. */
  busy = false;
  resent = 0;

  constructor(parts: ShipmentParts, token: string, tellsGaps: boolean) {
    this.#parts = parts;
    const { options, course, settlement } = parts;
    const { place } = settlement.settled;
    this.#packer = new Packer(course, token, options.lives.present.epoch, place, options.rule, tellsGaps);
  }

  get records(): number {
    return this.#window.records;
  }

  /** Everything that was added is done with. */
  get empty(): boolean {
    return this.#window.count === 0 && this.#packer.open === 0 && this.#packer.ready.length === 0;
  }

  /** There is room for what a read brings. */
  get wants(): boolean {
    const full = this.#window.full && this.#packer.open > 0;
    return this.#packer.ready.length === 0 && !full && !this.busy;
  }

  add(items: readonly (MessageRecord | GapRecord)[]): void {
    this.#packer.add(items);
  }

  /** Sends what may go. */
  launch(now: Instant): void {
    if (!this.busy) this.#fill(now);
    this.#settleSkipped();
  }

  #fill(now: Instant): void {
    if (this.#window.count <= 0 && this.#packer.ready.length === 0) this.#packer.close();
    while (!this.#window.full) {
      const batch = this.#packer.ready.shift();
      if (batch === undefined) return;
      const flight = this.#window.add(batch);
      this.#fly(flight, now, false);
      if (this.#window.count === 1) this.#parts.patience.wait(now, longestWait);
    }
  }

  #fly(flight: Flight, now: Instant, resend: boolean): void {
    if (resend) this.resent++;
    flight.state = 'sending';
    flight.sentAt = resend ? null : now;
    flight.message = this.#parts.outbox.send(flight.batch.payload);
    const { to, lane } = this.#parts.options;
    const { first, last } = flight.batch;
    this.#parts.outbox.report({ kind: 'sent', to, lane, first, last: last.sequence, resend });
  }

  /** True: something more is durable there. */
  ack(frame: Ack, now: Instant): boolean {
    const acked = this.#window.ack(frame.next, frame.held);
    const last = acked.at(-1);
    if (last !== undefined) this.#progress(acked, last, now);
    this.busy = frame.busy === 1 && this.#window.count > 0;
    return last !== undefined;
  }

  /** Nothing is owed an answer. */
  get rests(): boolean {
    return this.#window.count === 0 && !this.busy;
  }

  #progress(acked: readonly Flight[], last: Flight, now: Instant): void {
    const { options, outbox, settlement, patience } = this.#parts;
    patience.attempts = 0;
    if (last.sentAt !== null) patience.measure(since(last.sentAt, now));
    this.#window.tookMs(patience.roundTripMs ?? Number.POSITIVE_INFINITY);
    const skipped = this.#packer.takeSkipped(this.#window.first);
    let records = skipped.count;
    for (const flight of acked) records += flight.batch.records;
    const place = last.batch.last;
    const to = sequence(Math.max(place.sequence, skipped.to));
    outbox.push(settlement.settle(to, place, records, skipped.count));
    outbox.report({ kind: 'acked', to: options.to, lane: options.lane, upTo: place.sequence });
  }

  /** What the far end has not got though the overlay is done with it goes again. */
  sendMissing(now: Instant): void {
    for (const flight of this.#window.missing()) this.#fly(flight, now, true);
  }

  /** What the overlay had no room for is tried again. */
  sendRefused(now: Instant): void {
    for (const flight of this.#window.refused()) this.#fly(flight, now, false);
  }

  /** What became of a message of the overlay; false: it is none of these. */
  message(id: number, became: Flight['state']): boolean {
    const flight = this.#window.of(id);
    if (flight !== undefined) flight.state = became;
    return flight !== undefined;
  }

  /** What no link takes is done with as soon as everything before it is. */
  #settleSkipped(): void {
    const { outbox, settlement } = this.#parts;
    const { to, count } = this.#packer.takeSkipped(this.#window.first);
    if (count > 0) outbox.push(settlement.settle(to, settlement.settled.place, count, count));
  }

  /** The session has ended: nothing of it stays under way. */
  close(): void {
    for (const flight of this.#window.clear()) {
      if (flight.state === 'sending') this.#parts.outbox.abort(flight.message);
    }
  }
}
