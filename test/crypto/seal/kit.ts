import type {
  OpenOptions,
  SealAlarm,
  SealBackend,
  SealEffect,
  Sealed,
  SealedKind,
  Sealer,
  SealPolicy,
  SealRefusal,
  Unsealed,
} from '#crypto';
import { createSealer, nodeBackend, sodiumBackend } from '#crypto';
import type { PublicKey } from '#kernel';
import { Secret } from '#kernel';
import { Chance } from '#sim';

export const backends: readonly SealBackend[] = [sodiumBackend(), nodeBackend()];
export const hour = 3_600_000;
export const day = 24 * hour;

export interface NodeOptions {
  readonly backend?: SealBackend;
  readonly networkPsk?: Uint8Array;
  readonly chance?: { bytes(count: number): Uint8Array };
  readonly stored?: { readonly receiveKeys: Uint8Array | null; readonly contacts: Uint8Array | null };
}

/** A node whose disk writes at once, with its clock in the test's hand. */
export class TestNode {
  readonly secret: Buffer;
  readonly key: PublicKey;
  readonly backend: SealBackend;
  sealer: Sealer;
  nowMs = 1000;
  receiveKeys: Uint8Array | null = null;
  contacts: Uint8Array | null = null;
  readonly sends: { readonly to: PublicKey; readonly envelope: Uint8Array }[] = [];
  readonly alarms: SealAlarm[] = [];
  readonly resealed: number[] = [];
  readonly announced: number[] = [];
  isDiskBroken = false;
  readonly #options: NodeOptions;

  constructor(name: number, options: NodeOptions = {}) {
    this.secret = Buffer.alloc(32, name);
    this.backend = options.backend ?? sodiumBackend();
    const point = Buffer.alloc(32);
    this.backend.publicOf(point, this.secret);
    this.key = point.toString('hex') as PublicKey;
    this.#options = { chance: new Chance(name), ...options };
    this.receiveKeys = options.stored?.receiveKeys ?? null;
    this.contacts = options.stored?.contacts ?? null;
    this.sealer = this.#made();
    this.tick();
  }

  /** The process starts again from what is on the disk, or from what is given. */
  restart(receiveKeys = this.receiveKeys, contacts = this.contacts): void {
    this.receiveKeys = receiveKeys;
    this.contacts = contacts;
    this.nowMs = 0;
    this.sealer = this.#made();
    this.tick();
  }

  tick(afterMs = 0): void {
    this.nowMs += afterMs;
    this.run(this.sealer.tick());
  }

  run(effects: readonly SealEffect[] | null): void {
    for (const effect of effects ?? []) this.#run(effect);
  }

  seal(to: TestNode, text: string, kind: SealedKind = 'data', policy: SealPolicy = 'require'): Uint8Array {
    const sealed = this.trySeal(to, text, kind, policy);
    if (!sealed.ok) throw new Error(`not sealed: ${sealed.reason}`);
    return sealed.envelope;
  }

  trySeal(to: TestNode, text: string, kind: SealedKind = 'data', policy: SealPolicy = 'require'): Sealed | SealRefusal {
    const sealed = this.sealer.seal(to.key, Buffer.from(text), kind, policy);
    if (!sealed.ok) this.run(sealed.effects);
    return sealed;
  }

  open(envelope: Uint8Array, options: OpenOptions = {}): Unsealed | SealRefusal {
    const opened = this.sealer.open(envelope, options);
    this.run(opened.effects);
    return opened;
  }

  /** The text inside, or why not. */
  read(envelope: Uint8Array, options: OpenOptions = {}): string {
    const opened = this.open(envelope, options);
    return opened.ok ? Buffer.from(opened.inner).toString() : `refused: ${opened.reason}`;
  }

  #made(): Sealer {
    const { chance, networkPsk = null } = this.#options;
    return createSealer({
      backend: this.backend,
      identity: new Secret(this.secret),
      networkPsk,
      random: { bytes: (count) => (chance ?? new Chance(1)).bytes(count) },
      uptimeMs: () => this.nowMs,
      stored: { receiveKeys: this.receiveKeys, contacts: this.contacts },
    });
  }

  #run(effect: SealEffect): void {
    switch (effect.kind) {
      case 'store':
        this.#store(effect);
        break;
      case 'send':
        this.sends.push({ to: effect.to, envelope: effect.envelope });
        break;
      case 'alarm':
        this.alarms.push(effect.alarm);
        break;
      case 'reseal':
        this.resealed.push(effect.epoch);
        break;
      case 'announce':
        this.announced.push(effect.epoch);
        break;
    }
  }

  #store(effect: SealEffect & { kind: 'store' }): void {
    if (this.isDiskBroken) {
      this.sealer.storeFailed(effect.ticket);
      return;
    }
    if (effect.file === 'contacts') this.contacts = effect.bytes;
    else this.receiveKeys = effect.bytes;
    this.run(this.sealer.stored(effect.ticket));
  }
}

/** Hands every waiting answer over, until there is none. How many went. */
export function settle(...nodes: readonly TestNode[]): number {
  let count = 0;
  for (let moved = true; moved && count < 10_000; ) {
    moved = false;
    for (const node of nodes) {
      for (const { to, envelope } of node.sends.splice(0)) {
        count++;
        moved = true;
        nodes.find(({ key }) => key === to)?.open(envelope, { from: node.key });
      }
    }
  }
  return count;
}

/** Two nodes that know each other and each other's receive-keys. */
export function pair(one: NodeOptions = {}, other: NodeOptions = {}): [a: TestNode, b: TestNode] {
  const [a, b] = [new TestNode(1, one), new TestNode(2, other)];
  meet(a, b);
  return [a, b];
}

export function meet(a: TestNode, b: TestNode): void {
  a.sealer.know(b.key);
  b.sealer.know(a.key);
  a.run(a.sealer.hello(b.key));
  settle(a, b);
  a.tick();
  b.tick();
}

export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed;
}
