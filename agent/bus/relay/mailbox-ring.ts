import { constant, hex, isRefusal, layout, rest, u8, within } from '#codec';
import type { PublicKey, Sequence } from '#kernel';
import { milliseconds } from '#kernel';
import type { Cursor, Ring } from '#ring';
import type { Filed, NewLetter } from './mailbox-events.ts';
import { placeOf } from './shelf.ts';

/** A letter in the relay's ring: a message on the topic that is its recipient's key. 50 bytes and the envelope. */
const letterLayout = layout('relay.filed', {
  version: constant(u8, 1),
  depositor: hex<PublicKey>(32),
  slot: hex(16),
  isStranger: within(u8, 0, 1),
  envelope: rest(),
});

const prefix = 'mail/';
const announcementPrefix = 'announcement/';
/** Letters of a read. */
const readLetters = 8;
const readBytes = 1024 * 1024;
const scanLetters = 512;
const scanBytes = 8 * 1024 * 1024;

/** Letters in a ring of their own: a record each, and a cursor for each recipient. */
export class MailboxRing {
  readonly #ring: Ring;
  readonly #cursors = new Map<PublicKey, Cursor>();
  #announcements = 0;
  readonly #announcementLimit: number;

  constructor(ring: Ring, announcementLimit: number) {
    this.#ring = ring;
    this.#announcementLimit = announcementLimit;
    for (const _ of ring.states(announcementPrefix)) this.#announcements++;
  }

  /** Everything that lies there, a stretch of a mailbox at a time; to be called once, first. */
  async scan(found: (recipient: PublicKey, letters: readonly Filed[]) => void): Promise<void> {
    for (const { name } of this.#ring.cursors()) {
      if (!name.startsWith(prefix)) continue;
      const recipient = name.slice(prefix.length) as PublicKey;
      const cursor = this.#cursorOf(recipient);
      found(recipient, []);
      while (cursor.readable) {
        const letters = await this.#readSome(cursor, scanLetters, scanBytes);
        if (letters.length === 0) break;
        found(recipient, letters);
      }
      cursor.rewind();
    }
  }

  file({ recipient, depositor, slot, isStranger, envelope }: NewLetter): { sequence: Sequence; place: string } | null {
    this.#cursorOf(recipient);
    const body = letterLayout.encode({ depositor, slot, isStranger: isStranger ? 1 : 0, envelope });
    const plain = { qos: 1, retain: false, latest: 'none', provenance: null } as const;
    const entry = { kind: 'message', topic: recipient, lane: 1, body, age: milliseconds(0), ...plain } as const;
    const appended = this.#ring.append([entry]);
    if (!appended.ok) return null;
    return { sequence: appended.first, place: placeOf(this.#ring.epoch, appended.first) };
  }

  async read(recipient: PublicKey): Promise<{ readonly items: readonly Filed[]; readonly more: boolean }> {
    const cursor = this.#cursorOf(recipient);
    const items = await this.#readSome(cursor, readLetters, readBytes);
    return { items, more: cursor.readable };
  }

  rewind(recipient: PublicKey): void {
    this.#cursorOf(recipient).rewind();
  }

  settle(recipient: PublicKey, to: Sequence): void {
    this.#cursorOf(recipient).settle(to);
  }

  close(recipient: PublicKey): void {
    this.#cursors.get(recipient)?.remove();
    this.#cursors.delete(recipient);
  }

  announcement(of: PublicKey): Uint8Array | undefined {
    return this.#ring.state(announcementPrefix + of);
  }

  /** False: no room for one of another client. */
  announce(of: PublicKey, announcement: Uint8Array): boolean {
    const key = announcementPrefix + of;
    const isNew = this.#ring.state(key) === undefined;
    if (isNew && this.#announcements >= this.#announcementLimit) return false;
    if (!this.#ring.append([{ kind: 'state', key, value: announcement }]).ok) return false;
    if (isNew) this.#announcements++;
    return true;
  }

  #cursorOf(recipient: PublicKey): Cursor {
    const open = this.#cursors.get(recipient);
    if (open !== undefined) return open;
    const cursor = this.#ring.cursor({ name: prefix + recipient, filters: [recipient], except: null, from: 'now' });
    this.#cursors.set(recipient, cursor);
    return cursor;
  }

  /** What is damaged is passed over: its depositors keep their copies. */
  async #readSome(cursor: Cursor, most: number, mostBytes: number): Promise<readonly Filed[]> {
    const letters: Filed[] = [];
    for (const item of await cursor.read(most, mostBytes)) {
      const letter = item.kind === 'gap' ? null : letterLayout.decode(item.body);
      if (item.kind === 'gap' || letter === null || isRefusal(letter)) continue;
      const { sequence, epoch, age: ageMs } = item;
      const { depositor, slot, envelope } = letter;
      const isStranger = letter.isStranger === 1;
      letters.push({ sequence, place: placeOf(epoch, sequence), depositor, slot, isStranger, envelope, ageMs });
    }
    return letters;
  }
}
