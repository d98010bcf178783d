import type { PublicKey } from '#kernel';
import { type Announcement, announcementLimitBytes, parseAnnouncement } from './announcement.ts';
import { closeFile, number, openFile, type Reading } from './checked-file.ts';
import { type Derivations, keyBytes, type PairKeys } from './keys.ts';
import { currentSuite } from './suite.ts';

/** What is remembered of a contact. Nothing here is secret but `pair`, which is never written. */
export interface Contact {
  readonly key: PublicKey;
  readonly open: Buffer;
  /** Undefined: not yet derived. Null: its key gives no secret. */
  pair: PairKeys | null | undefined;
  /** The newest that was verified. Once there is one, nothing is sealed to its identity key any more. */
  announcement: Announcement | null;
  /** Uptime of this start when it was learned. */
  learnedMs: number | null;
  /** It has sealed to a receive-key of ours: nothing that it seals to the identity key is opened any more. */
  isSticky: boolean;
  /** The lowest suite that is still good enough for it. */
  suiteMin: number;
  /** Our epochs below this one hold nothing more that it has sent, as it says. */
  drained: number;
  /** The highest of our epochs that it sealed to; 0: none. */
  lastUsed: number;
  /** What we tell it: everything sealed for its epochs below is acknowledged. */
  ownDrained: number;
  /** When the next answer of each sort may go out. */
  readonly nextMs: Record<AnswerSort, number>;
}

export type AnswerSort = 'refusal' | 'echo' | 'reply' | 'news';

const magic = 'HYSC';
const version = 1;

export function newContact(key: PublicKey): Contact {
  return {
    key,
    open: Buffer.from(key, 'hex'),
    pair: undefined,
    announcement: null,
    learnedMs: null,
    isSticky: false,
    suiteMin: currentSuite,
    drained: 0,
    lastUsed: 0,
    ownDrained: 0,
    nextMs: { refusal: 0, echo: 0, reply: 0, news: 0 },
  };
}

export function encodeContacts(derivations: Derivations, own: Buffer, contacts: Iterable<Contact>): Buffer {
  const parts = [...contacts].filter(isWorthKeeping).map(encodeContact);
  return closeFile(derivations.backend, magic, [number(1, version), own, number(4, parts.length), ...parts]);
}

/** Empty when the file is damaged or another node's: then first contact is made again. */
export function readContacts(derivations: Derivations, own: Buffer, bytes: Uint8Array, limit: number): Contact[] {
  const reading = openFile(derivations.backend, magic, bytes);
  if (reading === null || reading.number(1) !== version || !reading.take(keyBytes).equals(own)) return [];
  const count = Math.min(reading.number(4), limit);
  return Array.from({ length: count }, () => readContact(reading));
}

const isWorthKeeping = (contact: Contact): boolean => contact.announcement !== null || contact.isSticky;

function encodeContact(contact: Contact): Buffer {
  const announcement = contact.announcement?.bytes ?? Buffer.alloc(0);
  return Buffer.concat([
    contact.open,
    number(1, contact.isSticky ? 1 : 0),
    number(1, contact.suiteMin),
    number(4, contact.drained),
    number(4, contact.lastUsed),
    number(4, contact.ownDrained),
    number(2, announcement.length),
    announcement,
  ]);
}

function readContact(reading: Reading): Contact {
  const contact = newContact(reading.take(keyBytes).toString('hex') as PublicKey);
  contact.isSticky = reading.number(1) === 1;
  contact.suiteMin = reading.number(1);
  contact.drained = reading.number(4);
  contact.lastUsed = reading.number(4);
  contact.ownDrained = reading.number(4);
  const size = Math.min(reading.number(2), announcementLimitBytes);
  contact.announcement = size === 0 ? null : parseAnnouncement(contact.open, reading.take(size));
  return contact;
}
