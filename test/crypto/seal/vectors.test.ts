import { readFileSync } from 'node:fs';
import test from 'ava';
import { createSealer } from '#crypto';
import type { PublicKey } from '#kernel';
import { Secret } from '#kernel';
import { backends } from './kit.ts';

/**
 * The whole format, frozen: from two identity keys and a source of chance that counts, every byte of announcements and
 * envelopes. Both backends make the same. If this fails the format has changed, and files and messages in flight with it.
 */
interface Frozen {
  readonly announcements: Record<'one' | 'two', string>;
  readonly receiveKeys: string;
  readonly envelopes: readonly { readonly what: string; readonly envelope: string }[];
}

const url = new URL('../../vectors/seal-envelopes.json', import.meta.url);
const frozen = JSON.parse(readFileSync(url, 'utf8')) as Frozen;
const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');

for (const backend of backends) {
  test(`${backend.name}: announcements, files and envelopes are the frozen ones, to the byte`, (t) => {
    t.deepEqual(history(), frozen);

    function history(): Frozen {
      const [one, two] = [node(1), node(2)];
      const envelopes: { what: string; envelope: string }[] = [];
      const seal = (what: string, text: string, kind: 'data' | 'control', policy: 'require' | 'identity'): void => {
        const sealed = one.sealer.seal(two.key, Buffer.from(text), kind, policy);
        const envelope = sealed.ok ? sealed.envelope : new Uint8Array();
        envelopes.push({ what, envelope: hex(envelope) });
        const opened = two.sealer.open(envelope);
        t.is(opened.ok ? Buffer.from(opened.inner).toString() : opened.reason, text);
      };
      one.sealer.know(two.key);
      two.sealer.know(one.key);
      const [hello] = one.sealer.hello(two.key);
      if (hello?.kind === 'send')
        envelopes.push({ what: 'kind 5, announcement and wish', envelope: hex(hello.envelope) });
      seal('kind 2, with the announcement', 'to the identity key', 'data', 'identity');
      one.sealer.learn(two.key, two.sealer.announcement() ?? new Uint8Array());
      seal('kind 1, with the announcement', 'to the receive-key', 'data', 'require');
      seal('kind 1, the same context', '', 'data', 'require');
      seal('kind 3', 'acknowledged', 'control', 'require');
      const announcements = { one: hex(one.sealer.announcement()), two: hex(two.sealer.announcement()) };
      return { announcements, receiveKeys: hex(one.file), envelopes };
    }

    function node(name: number) {
      let drawn = name * 1000;
      const point = Buffer.alloc(32);
      const secret = Buffer.alloc(32, name);
      backend.publicOf(point, secret);
      const sealer = createSealer({
        backend,
        identity: new Secret(secret),
        networkPsk: Buffer.alloc(32, 0x5a),
        random: {
          bytes: (count) => Uint8Array.from({ length: count }, () => (drawn = (drawn * 5 + 17) % 65_521) & 0xff),
        },
        uptimeMs: () => 60_000,
        stored: { receiveKeys: null, contacts: null },
      });
      let file: Uint8Array = new Uint8Array();
      for (const effect of sealer.tick()) {
        if (effect.kind !== 'store') continue;
        file = effect.bytes;
        sealer.stored(effect.ticket);
      }
      return { sealer, file, key: point.toString('hex') as PublicKey };
    }
  });
}
