import { isRefusal } from '#codec';
import { addressOf, identityOf, open, SharedKeys, sealInto, subnetOf } from '#crypto';
import type { Address, ByteLink, PublicKey } from '#kernel';
import { type Control, decodeControl, encodeControl } from '../../agent/overlay/wire/control.ts';
import { DataFrame, dataHeaderBytes, plaintextKind, startDataFrame } from '../../agent/overlay/wire/data.ts';
import { Framer } from '../../agent/overlay/wire/framer.ts';
import { decodeIcmp, encodeIcmp, type Icmp, type IcmpReason } from '../../agent/overlay/wire/icmp.ts';
import { type Node, port, type Scene } from './nodes.ts';

const ihu: Control = { kind: 'ihu', addressEncoding: 0, rxCost: 20, interval: 6000, address: '' };

/** A neighbour of `a` that speaks the protocol byte by byte, and what `a` has told it about dead packets. */
export class Speaker {
  readonly identity;
  /** Data packets that are for others. */
  readonly passing: DataFrame[] = [];
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
        const frame = new DataFrame(Buffer.from(bytes));
        if (frame.destinationSubnet !== this.identity.subnet) this.passing.push(frame);
        const plain = shared === null ? null : open(shared, frame.payload);
        const icmp = plain === null || plain[1] !== plaintextKind.icmp ? null : decodeIcmp(plain.subarray(4));
        if (icmp !== null && !isRefusal(icmp)) this.told.push({ icmp, source: frame.source });
      },
      control: (bytes) => {
        const packet = decodeControl(bytes);
        if (packet !== 'unknown' && !isRefusal(packet) && packet.kind === 'hello') this.#link.write(encodeControl(ihu));
      },
      skipped: () => {},
    });
    const host = scene.network.boot('speaker');
    const received = (bytes: Uint8Array): void => void framer.push(bytes);
    this.#link = host.net.dial(
      { host: 'a', port },
      { opened: () => {}, received, drained: () => {}, closed: () => {} },
    );
    this.announce(this.identity.publicKey);
  }

  /** Says that the node of this key is here, whoever it is. */
  announce(key: PublicKey, seqno = 0): void {
    const routerId = `${key}0000${'00'.repeat(6)}`;
    const prefix = subnetOf(addressOf(key));
    const update = {
      addressEncoding: 2,
      flags: 0,
      prefixLength: 64,
      interval: 30_000,
      seqno,
      metric: 0,
      prefix,
      routerId,
    };
    this.#link.write(encodeControl({ kind: 'update', ...update }));
  }

  /** Says that the packet ended here. */
  bury(a: Node, destination: Address, payload: Uint8Array, reason: IcmpReason = 'no-route'): void {
    const router = `${this.identity.subnet}${'0'.repeat(16)}` as unknown as Address;
    const icmp = { reason, destination, router, sender: a.overlay.address, payload };
    this.send(a, a.overlay.address, 60, plaintextKind.icmp, encodeIcmp(icmp));
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
