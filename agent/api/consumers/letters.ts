import { encodeBody } from '#codec';
import { milliseconds } from '#kernel';
import type { ReceivedMessage } from '#overlay';
import type { Appended, NewMessage, Ring } from '#ring';
import type { Contacts } from '../contacts.ts';

export interface LettersPorts {
  readonly ring: Pick<Ring, 'append' | 'wanted' | 'whenDurable'>;
  readonly contacts: Contacts;
  /** For MQTT clients that listen just now; those with a session have a cursor. */
  readonly deliver: (stored: Extract<Appended, { ok: true }>, message: NewMessage) => void;
}

/**
 * Plain messages for those who have named their topic: `$hypha/inbox/FROM/TOPIC` in the ring, where consumers, hooks and
 * persistent MQTT sessions read. The `$` keeps them from whoever asked for `#` alone: a link that carries everything
 * does not carry what was written to this node.
 */
export class Letters {
  readonly #ports: LettersPorts;

  constructor(ports: LettersPorts) {
    this.#ports = ports;
  }

  isWanted(message: Pick<ReceivedMessage, 'from' | 'topic'>): boolean {
    return this.#ports.ring.wanted(this.topicOf(message), null);
  }

  /** Durable when true. False: no room now. Null: longer than a record can be. */
  async store(message: ReceivedMessage): Promise<boolean | null> {
    const { ring, deliver } = this.#ports;
    const record = this.#recordOf(message);
    const stored = ring.append([record]);
    if (!stored.ok) return stored.reason === 'too-large' ? null : false;
    await ring.whenDurable(stored.last);
    deliver(stored, record);
    return true;
  }

  topicOf({ from, topic }: Pick<ReceivedMessage, 'from' | 'topic'>): string {
    const sender = this.#ports.contacts.withKey(from)?.name ?? from;
    return `$hypha/inbox/${sender}${topic.length === 0 ? '' : `/${levelsOf(topic)}`}`;
  }

  #recordOf(message: ReceivedMessage): NewMessage {
    const { from, id, topic, payload } = message;
    const userProperties = [
      ['from', from],
      ['id', id],
      ['topic', Buffer.from(topic).toString('base64')],
    ] as const;
    return {
      kind: 'message',
      topic: this.topicOf(message),
      lane: 1,
      qos: 1,
      retain: false,
      latest: 'none',
      body: encodeBody({ userProperties }, payload),
      provenance: null,
      age: milliseconds(0),
    };
  }
}

/** A message's topic is any bytes: what cannot stand in an MQTT topic becomes %XX, as in addresses. */
function levelsOf(topic: Uint8Array): string {
  const text = Buffer.from(topic).toString();
  const isText = Buffer.compare(Buffer.from(text), topic) === 0;
  if (isText) return text.replaceAll(/[%+#\p{Cc}]/gu, (found) => percents(Buffer.from(found)));
  return percents(topic);
}

const percents = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
