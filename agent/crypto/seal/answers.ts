import type { PublicKey } from '#kernel';
import { announcementSize } from './announcement.ts';
import type { AnswerSort, Contact } from './contact.ts';
import { envelopeKind } from './envelope.ts';
import type { House } from './house.ts';
import type { Outward } from './outward.ts';
import type { SealEffect } from './types.ts';

/** Between two answers of a sort to one contact, whatever it sends: no storm, and no help for one. */
export const answerEveryMs = 10_000;
const announcementsAtMost = 2;

/** First byte of an answer; announcements follow, ours or (an echo) the recipient's own. */
export const answerBit = { unknownKey: 1, wantsYours: 2 } as const;

export interface Answer {
  readonly bits: number;
  readonly announcements: readonly Buffer[];
}

/** Envelopes to the identity key that carry announcements alone: refusals, echoes, first contact. */
export class Answers {
  readonly #house: House;
  readonly #outward: Outward;

  constructor(house: House, outward: Outward) {
    this.#house = house;
    this.#outward = outward;
  }

  /** Ours, and a wish for the contact's if none is known. */
  own(contact: Contact, sort: AnswerSort, bits = 0): readonly SealEffect[] {
    const { announcement } = this.#outward;
    const wish = contact.announcement === null ? answerBit.wantsYours : 0;
    return this.#send(contact, sort, bits | wish, announcement === null ? [] : [announcement]);
  }

  /** The newest announcement of the contact that is known here, for one that seems to have forgotten it. */
  echo(contact: Contact, announcement: Buffer): readonly SealEffect[] {
    return this.#send(contact, 'echo', 0, [announcement]);
  }

  #send(contact: Contact, sort: AnswerSort, bits: number, list: readonly Buffer[]): readonly SealEffect[] {
    const now = this.#house.nowMs;
    const { counters } = this.#house;
    if (now < contact.nextMs[sort]) {
      counters.answersWithheld++;
      return [];
    }
    contact.nextMs[sort] = now + answerEveryMs;
    const sealed = this.#outward.seal(contact, envelopeKind.answer, Buffer.concat([Buffer.of(bits), ...list]));
    if (sealed === null) return [];
    counters.answers++;
    return [{ kind: 'send', to: contact.key, envelope: sealed.envelope }];
  }
}

/** Null when it is cut short or holds more than an answer does. */
export function readAnswer(payload: Buffer): Answer | null {
  const bits = payload[0];
  if (bits === undefined) return null;
  const announcements: Buffer[] = [];
  let rest = payload.subarray(1);
  while (rest.length > 0) {
    const size = announcementSize(rest);
    if (size === null || size > rest.length || announcements.length === announcementsAtMost) return null;
    announcements.push(rest.subarray(0, size));
    rest = rest.subarray(size);
  }
  return { bits, announcements };
}

export const alarm = (what: 'fork' | 'restored' | 'changed-signing-key', contact: PublicKey | null, epoch: number) =>
  ({ kind: 'alarm', alarm: { what, contact, epoch } }) as const;
