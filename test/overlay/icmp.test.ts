import test from 'ava';
import { isRefusal } from '#codec';
import { identityOf, open, SharedKeys, sealInto, subnetOf } from '#crypto';
import type { Address, ByteLink } from '#kernel';
import { encodeControl } from '../../agent/overlay/wire/control.ts';
import { DataFrame, dataHeaderBytes, plaintextKind, startDataFrame } from '../../agent/overlay/wire/data.ts';
import { Framer } from '../../agent/overlay/wire/framer.ts';
import { decodeIcmp, encodeIcmp, type Icmp } from '../../agent/overlay/wire/icmp.ts';
import { type Node, port, Scene } from './nodes.ts';

const count = (node: Node, name: string): number => node.overlay.counters[name] ?? 0;

/** A neighbour of `a` that speaks the protocol byte by byte, and what `a` has told it about dead packets. */
class Speaker {
  readonly identity;
  readonly told: { readonly icmp: Icmp; readonly source: Address }[] = [];
  readonly #scene: Scene;
  readonly #keys: SharedKeys;
  readonly #link: ByteLink;

  constructor(scene: Scene, a: Node) {
    this.#scene = scene;
    this.identity = identityOf(scene.world.chance.bytes(32));
    this.#keys = new SharedKeys(this.identity);
    const key = a.overlay.publicKey;
    const framer = new Framer({
      data: (bytes) => {
        const shared = this.#keys.with(key);
        const frame = new DataFrame(bytes);
        const plain = shared === null ? null : open(shared, frame.payload);
        const icmp = plain === null || plain[1] !== plaintextKind.icmp ? null : decodeIcmp(plain.subarray(4));
        if (icmp !== null && !isRefusal(icmp)) this.told.push({ icmp, source: frame.source });
      },
      control: () => {},
      skipped: () => {},
    });
    const host = scene.network.boot('speaker');
    const received = (bytes: Uint8Array): void => void framer.push(bytes);
    this.#link = host.net.dial(
      { host: 'a', port },
      { opened: () => {}, received, drained: () => {}, closed: () => {} },
    );
    const routerId = `${this.identity.publicKey}0000${'00'.repeat(6)}`;
    const { subnet: prefix } = this.identity;
    const update = {
      addressEncoding: 2,
      flags: 0,
      prefixLength: 64,
      interval: 30_000,
      seqno: 0,
      metric: 0,
      prefix,
      routerId,
    };
    this.#link.write(encodeControl({ kind: 'update', ...update }));
  }

  /** Sealed for `key`, to an address that may be another's. */
  send(a: Node, to: Address, hopLimit: number, kind: number, body: Uint8Array): void {
    const shared = this.#keys.with(a.overlay.publicKey);
    const plain = Buffer.concat([Uint8Array.of(1, kind, 0, 0), body]);
    const frame = startDataFrame(this.identity.address, to, hopLimit, plain.length + 28);
    if (shared !== null) sealInto(shared, this.#scene.world.chance.bytes(12), plain, frame, dataHeaderBytes);
    this.#link.write(frame);
  }
}

test('a packet that has come too far, or whose destination was lost a moment ago, is answered with what died and why', async (t) => {
  const scene = new Scene(71);
  const a = await scene.node('a');
  const c = await scene.node('c', ['a']);
  const speaker = new Speaker(scene, a);
  t.true(await scene.until(() => a.overlay.reachable(c.overlay.publicKey), 5_000));
  speaker.send(a, c.overlay.address, 1, plaintextKind.message, Buffer.from('too far'));
  t.true(await scene.until(() => speaker.told.length === 1, 5_000));
  c.host.crash('killed');
  await scene.run(100);
  speaker.send(a, c.overlay.address, 60, plaintextKind.message, Buffer.from('too late'));
  t.true(await scene.until(() => speaker.told.length === 2, 5_000));
  const said = speaker.told.map(({ icmp }) => [icmp.reason, icmp.destination, icmp.sender]);
  const { address } = speaker.identity;
  t.deepEqual(said, [
    ['hop-limit', c.overlay.address, address],
    ['no-route', c.overlay.address, address],
  ]);
  for (const { source } of speaker.told)
    t.is(source, `${subnetOf(a.overlay.address)}${'0'.repeat(16)}` as string as Address);
  await scene.run(10_000);
  speaker.send(a, c.overlay.address, 60, plaintextKind.message, Buffer.from('long after'));
  await scene.run(30_000);
  t.is(speaker.told.length, 2, 'for what has not been known for a while nothing comes back');
});

test('a flood of dying packets is answered at a bounded rate, and an answer is never answered', async (t) => {
  const scene = new Scene(72);
  const a = await scene.node('a');
  const speaker = new Speaker(scene, a);
  await scene.run(1_000);
  for (let packets = 0; packets < 5_000; packets++) {
    speaker.send(a, a.overlay.address, 1, plaintextKind.message, Buffer.from('x'));
    if (packets % 100 === 0) await scene.run(10);
  }
  await scene.run(1_000);
  t.true(speaker.told.length <= 200 + 50 * 3, `${speaker.told.length} answers`);
  t.true(speaker.told.length >= 200);
  const before = count(a, 'icmp_sent');
  const { address: sender } = speaker.identity;
  const death = {
    reason: 'no-route',
    destination: a.overlay.address,
    router: sender,
    sender,
    payload: Buffer.alloc(40),
  } as const;
  await scene.run(5_000);
  speaker.send(a, a.overlay.address, 60, plaintextKind.icmp, encodeIcmp(death));
  speaker.send(a, a.overlay.address, 60, plaintextKind.icmp, encodeIcmp(death).subarray(1));
  await scene.run(1_000);
  t.is(count(a, 'icmp_received'), 1);
  t.is(count(a, 'icmp_refused'), 1);
  t.is(count(a, 'icmp_sent'), before);
});
