import { constant, hex, isRefusal, layout, sizedBy, u8, u16, u64 } from '#codec';
import type { Epoch, PublicKey, Sequence } from '#kernel';
import { sequence } from '#kernel';
import type { Ring, StateChange } from '#ring';
import type { Position } from './position.ts';
import { noEpoch } from './position.ts';

/** Lives remembered, this one included. 53 bytes each, written once a boot. */
export const livesKept = 64;
const stateKey = 'bus/lives';

/** In the ring as `bus/lives`, oldest first. */
const livesLayout = layout('bus.lives', {
  version: constant(u8, 1),
  count: u16,
  lives: sizedBy('count', (count) => count * lifeBytes),
});
const lifeLayout = layout('bus.life', {
  epoch: hex<Epoch>(12),
  first: u64,
  key: hex<PublicKey>(32),
  /** 1: began from a restored backup. */
  restored: u8,
});
const lifeBytes = 53;

/** One boot of this ring: its epoch, the first sequence it could give, and whose ring it was. */
export interface Life {
  readonly epoch: Epoch;
  readonly first: Sequence;
  readonly key: PublicKey;
  readonly restored: boolean;
}

/** The boot counter in an epoch. */
export const bootOf = (epoch: Epoch): number => Number.parseInt(epoch.slice(0, 8), 16);

/**
 * The boots of this ring, as it remembers them itself. What somebody else says this node has sent, and which is in none
 * of them, was sent by another branch of its history: an older image was restored here, or a clone is about.
 */
export class Lives {
  readonly #lives: readonly Life[];

  /** To be made before anything is appended in the present life. */
  constructor(ring: Pick<Ring, 'state' | 'status' | 'epoch'>, self: PublicKey, restored: boolean) {
    const first = sequence(ring.status.head + 1);
    const present = { epoch: ring.epoch, first, key: self, restored };
    this.#lives = [...read(ring.state(stateKey)).slice(1 - livesKept), present];
  }

  get present(): Life {
    return this.#lives.at(-1) as Life;
  }

  /** Makes the present life known to the ones after it. */
  change(): StateChange {
    const bytes = Buffer.allocUnsafe(this.#lives.length * lifeBytes);
    let at = 0;
    for (const { restored, ...life } of this.#lives)
      at = lifeLayout.encodeInto({ ...life, restored: restored ? 1 : 0 }, bytes, at);
    return { kind: 'state', key: stateKey, value: livesLayout.encode({ count: this.#lives.length, lives: bytes }) };
  }

  /** False: this ring has never given that place out. True also of what is too long ago to know. */
  mayBeOurs({ epoch, sequence: at }: Position): boolean {
    if (epoch === noEpoch || at === 0) return true;
    const index = this.#lives.findIndex((life) => life.epoch === epoch);
    if (index >= 0) return at < (this.#lives[index + 1]?.first ?? Number.POSITIVE_INFINITY);
    const [oldest] = this.#lives;
    return oldest !== undefined && bootOf(epoch) < bootOf(oldest.epoch);
  }

  /** Has a backup been restored here since that life of ours? */
  restoredSince(ours: Epoch): boolean {
    const index = this.#lives.findIndex((life) => life.epoch === ours);
    return this.#lives.slice(index + 1).some((life) => life.restored);
  }

  /** Under which key this node sent what was born in that epoch. */
  keyOf(epoch: Epoch): PublicKey {
    const life = this.#lives.find((one) => one.epoch === epoch) ?? this.#lives[0];
    return life?.key ?? this.present.key;
  }

  /** This node has had another key. */
  get renamed(): boolean {
    return this.#lives.some(({ key }) => key !== this.present.key);
  }
}

function read(value: Uint8Array | undefined): Life[] {
  const kept = livesLayout.decode(value ?? new Uint8Array(0));
  if (isRefusal(kept)) return [];
  const found: Life[] = [];
  for (let at = 0; at + lifeBytes <= kept.lives.length; at += lifeBytes) {
    const one = lifeLayout.decode(kept.lives.subarray(at, at + lifeBytes));
    if (!isRefusal(one)) found.push({ ...one, first: sequence(one.first), restored: one.restored === 1 });
  }
  return found;
}
