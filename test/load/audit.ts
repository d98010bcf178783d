import type { DeliveryLog, PublishLog } from './log.ts';

/** The account of a run, from both clients' logs. */
export interface Account {
  readonly sent: number;
  /** The broker answered for them: PUBACK, or PUBREC. */
  readonly acknowledged: number;
  /** Different readings that arrived. */
  readonly delivered: number;
  /** Deliveries beyond the first that MQTT allows: with DUP, or one for each time the publisher itself sent it. */
  readonly copies: number;
  /** Deliveries beyond the first that nothing explains. With QoS 2 that is every one. */
  readonly doubled: number;
  /** Readings whose first delivery came after the first delivery of a later one of the same publisher. */
  readonly outOfOrder: number;
  /** Acknowledged and not delivered. */
  readonly lost: number;
  /** Delivered though nobody sent them, or under another topic than their publisher's. */
  readonly invented: number;
}

/** How a publisher's topic reads at the far end. */
export type FarTopic = (near: string) => string;

export function audit(publishers: readonly PublishLog[], deliveries: DeliveryLog, farTopic: FarTopic): Account {
  const ledgers = new Map(publishers.map((log) => [log.publisher, new Ledger(log, farTopic(log.topic))]));
  let invented = 0;
  for (let row = 0; row < deliveries.count; row++) {
    const ledger = ledgers.get(deliveries.publisher.at(row));
    const topic = deliveries.topics[deliveries.topic.at(row)];
    if (ledger === undefined || !ledger.enter(topic, deliveries.counter.at(row), deliveries.isDup(row))) invented++;
  }
  const accounts = [...ledgers.values()].map((ledger) => ledger.account());
  const total = (key: keyof Omit<Account, 'invented'>) => accounts.reduce((sum, account) => sum + account[key], 0);
  return {
    invented,
    sent: total('sent'),
    acknowledged: total('acknowledged'),
    delivered: total('delivered'),
    copies: total('copies'),
    doubled: total('doubled'),
    outOfOrder: total('outOfOrder'),
    lost: total('lost'),
  };
}

/** One publisher's readings as they arrive. */
class Ledger {
  readonly #log: PublishLog;
  readonly #topic: string;
  readonly #arrivals: Uint16Array;
  /** Deliveries without DUP: no more of them than times the publisher sent the reading. */
  readonly #plain: Uint16Array;
  #highest = 0;
  #delivered = 0;
  #copies = 0;
  #doubled = 0;
  #outOfOrder = 0;

  constructor(log: PublishLog, topic: string) {
    this.#log = log;
    this.#topic = topic;
    this.#arrivals = new Uint16Array(log.sent + 1);
    this.#plain = new Uint16Array(log.sent + 1);
  }

  /** False when nobody sent this. */
  enter(topic: string | undefined, counter: number, dup: boolean): boolean {
    if (topic !== this.#topic || counter < 1 || counter > this.#log.sent) return false;
    this.#arrivals[counter] = (this.#arrivals[counter] as number) + 1;
    if (!dup) this.#plain[counter] = (this.#plain[counter] as number) + 1;
    if (this.#arrivals[counter] === 1) this.#arrived(counter);
    else if (this.#isExplained(counter, dup)) this.#copies++;
    else this.#doubled++;
    return true;
  }

  account(): Omit<Account, 'invented'> {
    let lost = 0;
    for (let counter = 1; counter <= this.#log.sent; counter++)
      if (this.#log.isAnswered(counter) && this.#arrivals[counter] === 0) lost++;
    return {
      sent: this.#log.sent,
      acknowledged: this.#log.acknowledged,
      delivered: this.#delivered,
      copies: this.#copies,
      doubled: this.#doubled,
      outOfOrder: this.#outOfOrder,
      lost,
    };
  }

  #arrived(counter: number): void {
    this.#delivered++;
    if (counter < this.#highest) this.#outOfOrder++;
    else this.#highest = counter;
  }

  #isExplained(counter: number, dup: boolean): boolean {
    if (this.#log.qos === 2) return false;
    return dup || (this.#plain[counter] as number) <= this.#log.sends.at(counter - 1);
  }
}
