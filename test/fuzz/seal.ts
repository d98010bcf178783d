import { createSealer, sodiumBackend } from '#crypto';
import { assert, type PublicKey, Secret } from '#kernel';
import { Chance } from '#sim';
import {
  announcementSize,
  parseAnnouncement,
  readAnnouncement,
  renewalOf,
} from '../../agent/crypto/seal/announcement.ts';
import { readAnswer } from '../../agent/crypto/seal/answers.ts';
import { readContacts } from '../../agent/crypto/seal/contact.ts';
import { Derivations } from '../../agent/crypto/seal/keys.ts';
import type { Target } from '../../scripts/fuzz/target.ts';
import { assertSame } from './same.ts';

const backend = sodiumBackend();

/** A node with a receive-key, and what it has on its disk. */
function node(name: number) {
  const chance = new Chance(name);
  const stored: { receiveKeys: Uint8Array | null; contacts: Uint8Array | null } = { receiveKeys: null, contacts: null };
  const point = Buffer.alloc(32);
  backend.publicOf(point, Buffer.alloc(32, name));
  const sealer = createSealer({
    backend,
    identity: new Secret(Buffer.alloc(32, name)),
    random: { bytes: (count) => chance.bytes(count) },
    uptimeMs: () => 1000,
    stored,
  });
  for (const effect of sealer.tick()) if (effect.kind === 'store') sealer.stored(effect.ticket);
  return { sealer, key: point.toString('hex') as PublicKey, point };
}

const [a, b] = [node(1), node(2)];
a.sealer.know(b.key);
b.sealer.know(a.key);
const announcement = Buffer.from(b.sealer.announcement() ?? []);
a.sealer.learn(b.key, announcement);
const derivations = new Derivations(backend, null);

function sealed(text: string): Uint8Array {
  const made = a.sealer.seal(b.key, Buffer.from(text), 'data', 'require');
  return made.ok ? made.envelope : new Uint8Array();
}

/** What sealing reads from others: envelopes, announcements, answers (also as their sender could make them), and its files. */
export const seal: readonly Target[] = [
  {
    name: 'seal-envelope',
    seeds: () => [
      sealed(''),
      sealed('reading'),
      ...a.sealer.hello(b.key).flatMap((each) => ('envelope' in each ? [each.envelope] : [])),
    ],
    run: (bytes) => {
      const before = Buffer.from(bytes);
      const opened = b.sealer.open(bytes, { from: a.key });
      assertSame(before, bytes);
      if (!opened.ok) assert(opened.effects.length <= 1, 'a refusal causes one answer at the most');
    },
  },
  {
    name: 'seal-announcement',
    seeds: () => [Uint8Array.from(announcement), Uint8Array.from(renewalOf(announcement))],
    run: (bytes) => {
      const read = parseAnnouncement(b.point, bytes);
      if (read !== null) {
        assert(announcementSize(Buffer.from(bytes)) === bytes.length, 'the size of an announcement is its own');
        assert(
          Buffer.from(bytes).equals(announcement) === (readAnnouncement(derivations, b.point, bytes) !== null),
          'one is signed',
        );
      }
      a.sealer.learn(b.key, bytes);
    },
  },
  {
    name: 'seal-inside',
    seeds: () => [Buffer.concat([Buffer.of(2), announcement]), Buffer.concat([Buffer.of(1), renewalOf(announcement)])],
    run: (bytes) => {
      readAnswer(Buffer.from(bytes));
      const contacts = readContacts(derivations, b.point, summed(bytes), 64);
      assert(contacts.length <= 64, 'as many contacts as there may be');
    },
  },
];

/** As a contacts' file with a right sum, so that what it says is read. */
function summed(bytes: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from('HYSC'), Buffer.of(1), b.point, bytes]);
  const sum = Buffer.alloc(32);
  backend.sha256(sum, body);
  return Buffer.concat([body, sum]);
}
