import { signatureBytes } from './binding.ts';
import { closeFile, number, openFile, type Reading } from './checked-file.ts';
import { type Derivations, keyBytes, type NodeKeys } from './keys.ts';
import { newReceiveKey, type ReceiveKey, receiveKeyOf } from './receive-key.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** When keys come and go. Uptime is this node's, accumulated; the wall clock is never asked. */
export const receiveKeyRules = {
  rotateAfterMs: dayMs,
  /** A node that never stays up for a day: this many starts in which the key was used count as one. */
  rotateAfterStarts: 24,
  rotateAfterBatches: 4096,
  rotateAfterBytes: 64 * 1024 * 1024,
  /** Superseded keys kept for silent contacts. */
  keepCount: 64,
  keepMs: 56 * dayMs,
  /** Keys in all, while no mailbox drain ever ends: at this many nothing is rotated any more. */
  limitCount: 128,
  /** Accumulated uptime is written at least this often while a key is in use or a superseded one is kept. */
  saveAfterMs: 6 * hourMs,
} as const;

const magic = 'HYRK';
const version = 1;

/**
 * Our receive-keys. A key becomes current, and may be announced, only when the file that holds it is durable:
 * `pending` until then. `blocked` says which epochs some contact may still need.
 */
export class ReceiveKeys {
  readonly #derivations: Derivations;
  readonly #node: NodeKeys;
  readonly #byId = new Map<string, ReceiveKey>();
  readonly #baseMs: number;
  readonly bound: Buffer;
  current: ReceiveKey | null = null;
  pending: ReceiveKey | null = null;
  #isWanted = false;
  #usedThisStart = false;
  #savedMs: number;
  #needsSave = false;
  deleted = 0;

  constructor(derivations: Derivations, node: NodeKeys, stored: Uint8Array | null, bind: () => Buffer) {
    this.#derivations = derivations;
    this.#node = node;
    const read = stored === null ? null : this.#read(stored);
    this.#baseMs = read?.uptimeMs ?? 0;
    this.#savedMs = this.#baseMs;
    this.bound = read?.bound ?? bind();
    for (const key of read?.keys ?? []) this.#byId.set(key.id, key);
    this.current = read?.keys.at(-1) ?? null;
  }

  get count(): number {
    return this.#byId.size;
  }

  byId(id: string): ReceiveKey | undefined {
    return this.#byId.get(id);
  }

  /** Accumulated uptime of this node, from the uptime of this start. */
  total(uptimeMs: number): number {
    return this.#baseMs + uptimeMs;
  }

  used(key: ReceiveKey, bytes: number): void {
    key.opened++;
    key.openedBytes += bytes;
    if (key !== this.current || this.#usedThisStart) return;
    this.#usedThisStart = true;
    key.starts++;
    this.#needsSave = true;
  }

  want(): void {
    this.#isWanted = true;
  }

  isRotationDue(uptimeMs: number): boolean {
    const { current, pending } = this;
    if (pending !== null || this.#byId.size >= receiveKeyRules.limitCount) return false;
    if (current === null || this.#isWanted) return true;
    return current.opened > 0 && isWornOut(current, this.total(uptimeMs));
  }

  /** Makes the next key; it is nothing yet. */
  prepare(chance: Uint8Array, epoch: number, uptimeMs: number): void {
    this.pending = newReceiveKey(this.#derivations, this.#node, chance, epoch, this.total(uptimeMs));
  }

  /** The file with the pending key is durable. */
  commit(uptimeMs: number): void {
    const { current, pending } = this;
    if (pending === null) return;
    if (current !== null) current.supersededMs = this.total(uptimeMs);
    this.#byId.set(pending.id, pending);
    this.current = pending;
    this.pending = null;
    this.#isWanted = false;
    this.#usedThisStart = false;
  }

  mailboxDrained(): void {
    for (const key of this.#superseded()) {
      if (!key.isDrained) this.#needsSave = true;
      key.isDrained = true;
    }
  }

  /** Deletes superseded keys that nobody needs any more, or that were kept long enough; how many. */
  deleteOld(uptimeMs: number, blocked: (epoch: number) => boolean): number {
    const superseded = this.#superseded();
    const surplus = superseded.length - receiveKeyRules.keepCount;
    const tooOld = this.total(uptimeMs) - receiveKeyRules.keepMs;
    let count = 0;
    superseded.forEach((key, index) => {
      if (!key.isDrained) return;
      if (blocked(key.epoch) && index >= surplus && (key.supersededMs ?? 0) > tooOld) return;
      this.#delete(key);
      count++;
    });
    return count;
  }

  deleteAllOld(): void {
    for (const key of this.#superseded()) this.#delete(key);
  }

  /** Is there anything that a power cut should not undo, or an uptime worth writing down? */
  isSaveDue(uptimeMs: number): boolean {
    if (this.#needsSave) return true;
    const isUsed = (this.current?.opened ?? 0) > 0 || this.#byId.size > 1;
    return isUsed && this.total(uptimeMs) - this.#savedMs >= receiveKeyRules.saveAfterMs;
  }

  /** The whole file as it will be when the pending key, if any, is current. Secret: wiped by who wrote it. */
  encode(uptimeMs: number): Buffer {
    this.#needsSave = false;
    this.#savedMs = this.total(uptimeMs);
    const keys = [...this.#byId.values(), ...(this.pending === null ? [] : [this.pending])];
    const parts = keys.map((key) => encodeKey(key, this.#supersededInFile(key, uptimeMs)));
    const head = Buffer.concat([number(1, version), this.#node.open, this.bound, number(6, this.#savedMs)]);
    const file = closeFile(this.#derivations.backend, magic, [head, number(2, keys.length), ...parts]);
    for (const part of parts) this.#derivations.backend.wipe(part);
    return file;
  }

  saveFailed(): void {
    this.#needsSave = true;
  }

  wipe(): void {
    for (const key of this.#byId.values()) this.#derivations.backend.wipe(key.secret);
    if (this.pending !== null) this.#derivations.backend.wipe(this.pending.secret);
    this.#byId.clear();
    this.current = null;
    this.pending = null;
  }

  /** Oldest first. */
  #superseded(): ReceiveKey[] {
    return [...this.#byId.values()].filter((key) => key !== this.current).sort((a, b) => a.epoch - b.epoch);
  }

  #supersededInFile(key: ReceiveKey, uptimeMs: number): number | null {
    return key === this.current && this.pending !== null ? this.total(uptimeMs) : key.supersededMs;
  }

  #delete(key: ReceiveKey): void {
    this.#byId.delete(key.id);
    this.#derivations.backend.wipe(key.secret);
    this.#needsSave = true;
    this.deleted++;
  }

  #read(bytes: Uint8Array): { uptimeMs: number; bound: Buffer; keys: ReceiveKey[] } | null {
    const reading = openFile(this.#derivations.backend, magic, bytes);
    if (reading === null || reading.number(1) !== version) return null;
    if (!reading.take(keyBytes).equals(this.#node.open)) return null;
    const bound = reading.take(signatureBytes);
    const uptimeMs = reading.number(6);
    const count = Math.min(reading.number(2), receiveKeyRules.limitCount + 1);
    const keys = Array.from({ length: count }, () => readKey(this.#derivations, reading));
    return reading.isWhole ? { uptimeMs, bound, keys: keys.sort((a, b) => a.epoch - b.epoch) } : null;
  }
}

function isWornOut(key: ReceiveKey, totalMs: number): boolean {
  return (
    totalMs - key.bornMs >= receiveKeyRules.rotateAfterMs ||
    key.starts >= receiveKeyRules.rotateAfterStarts ||
    key.opened >= receiveKeyRules.rotateAfterBatches ||
    key.openedBytes >= receiveKeyRules.rotateAfterBytes
  );
}

/** Above every uptime there can be. */
const notSuperseded = 2 ** 48 - 1;

function encodeKey(key: ReceiveKey, supersededMs: number | null): Buffer {
  return Buffer.concat([
    number(4, key.epoch),
    number(6, key.bornMs),
    number(6, supersededMs ?? notSuperseded),
    number(4, Math.min(key.opened, 0xffff_ffff)),
    number(6, key.openedBytes),
    number(2, Math.min(key.starts, 0xffff)),
    number(1, key.isDrained ? 1 : 0),
    key.secret,
  ]);
}

function readKey(derivations: Derivations, reading: Reading): ReceiveKey {
  const epoch = reading.number(4);
  const bornMs = reading.number(6);
  const superseded = reading.number(6);
  const opened = reading.number(4);
  const openedBytes = reading.number(6);
  const starts = reading.number(2);
  const isDrained = reading.number(1) === 1;
  const key = receiveKeyOf(derivations, reading.take(keyBytes), epoch, bornMs);
  const supersededMs = superseded === notSuperseded ? null : superseded;
  return Object.assign(key, { supersededMs, opened, openedBytes, starts, isDrained });
}
