import { Column } from './column.ts';

/** How far the broker has answered for a reading. */
export const answer = { none: 0, received: 1, completed: 2 } as const;

/** What one publisher did and was told, a row a reading; row 0 is counter 1. */
export class PublishLog {
  readonly publisher: number;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly packetId = new Column('u16');
  /** How often the PUBLISH was written to a connection. */
  readonly sends = new Column('u8');
  /** PUBACK: completed. PUBREC: received; PUBCOMP: completed. */
  readonly answered = new Column('u8');
  readonly sentAtMs = new Column('f64');
  acknowledged = 0;
  /** MQTT 5 acks with a reason code of 0x80 and above: the broker says that it does not have the message. */
  rejected = 0;
  resends = 0;
  /** CONNACKs without "session present" where a session should have been. */
  sessionsForgotten = 0;
  connects = 0;

  constructor(publisher: number, topic: string, qos: 0 | 1 | 2) {
    this.publisher = publisher;
    this.topic = topic;
    this.qos = qos;
  }

  get sent(): number {
    return this.sends.count;
  }

  /** True when the broker has taken the message over (PUBACK, or PUBREC for QoS 2). */
  isAnswered(counter: number): boolean {
    return this.answered.at(counter - 1) !== answer.none;
  }

  first(packetId: number, atMs: number): void {
    this.packetId.push(packetId);
    this.sends.push(1);
    this.answered.push(answer.none);
    this.sentAtMs.push(atMs);
  }

  again(counter: number): void {
    this.resends++;
    this.sends.set(counter - 1, Math.min(255, this.sends.at(counter - 1) + 1));
  }

  answer(counter: number, how: number): void {
    if (this.answered.at(counter - 1) === answer.none) this.acknowledged++;
    this.answered.set(counter - 1, how);
  }
}

/** What a subscriber was given, a row a delivery to the application (QoS 2: after the packet id's own dedupe). */
export class DeliveryLog {
  readonly topics: string[] = [];
  readonly topic = new Column('u16');
  readonly publisher = new Column('u32');
  readonly counter = new Column('u32');
  readonly packetId = new Column('u16');
  /** Bit 3 DUP, bits 2–1 QoS, bit 0 retain, as in the packet. */
  readonly flags = new Column('u8');
  readonly sentAtMs = new Column('f64');
  readonly atMs = new Column('f64');
  /** QoS 2 packets that came again before their PUBREL and were not given out. */
  suppressed = 0;
  /** Payloads that are no reading. */
  foreign = 0;
  connects = 0;
  sessionsForgotten = 0;
  readonly #topicIndex = new Map<string, number>();

  get count(): number {
    return this.counter.count;
  }

  topicIndex(name: string): number {
    const known = this.#topicIndex.get(name);
    if (known !== undefined) return known;
    const made = this.topics.push(name) - 1;
    this.#topicIndex.set(name, made);
    return made;
  }

  isDup(row: number): boolean {
    return (this.flags.at(row) & 0x08) !== 0;
  }
}
