import { blake3, RunningBlake3 } from '#crypto';

/**
 * The hash tree of a file: BLAKE3 over leaves of `leafBytes`, paired level by level, an odd last one carried up as it is
 * (the shape of RFC 6962 §2.1). What a leaf, a node and the root are is said by their first byte, so that none can be
 * passed off as another, and the root holds the file's size.
 *
 *   root = H(2 ‖ size u64 ‖ leaf size u32 ‖ top)     node = H(1 ‖ left ‖ right)     leaf = H(0 ‖ bytes)
 *
 * An empty file has one leaf of no bytes.
 */
export const hashBytes = 32;

export interface TreeShape {
  readonly sizeBytes: number;
  readonly leafBytes: number;
}

export const leafCount = ({ sizeBytes, leafBytes }: TreeShape): number => Math.max(1, Math.ceil(sizeBytes / leafBytes));

/** Bytes of leaf `index`. */
export const leafLength = ({ sizeBytes, leafBytes }: TreeShape, index: number): number =>
  Math.max(0, Math.min(leafBytes, sizeBytes - index * leafBytes));

const leafMark = Uint8Array.of(0);

export function leafHash(bytes: Uint8Array): Uint8Array {
  const hash = new RunningBlake3();
  hash.update(leafMark);
  hash.update(bytes);
  return hash.digest();
}

const pairBytes = 1 + 2 * hashBytes;

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const pair = new Uint8Array(pairBytes);
  pair[0] = 1;
  pair.set(left, 1);
  pair.set(right, 1 + hashBytes);
  return blake3(pair);
}

export function rootHash({ sizeBytes, leafBytes }: TreeShape, top: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(13 + hashBytes);
  bytes[0] = 2;
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 1);
  bytes.writeUInt32BE(leafBytes, 9);
  bytes.set(top, 13);
  return blake3(bytes);
}

/** How many hashes prove leaf `index`: one a level, none where it is an odd last one. */
export function proofCount(shape: TreeShape, index: number): number {
  let hashes = 0;
  for (let width = leafCount(shape), at = index; width > 1; width = Math.ceil(width / 2), at >>>= 1) {
    if ((at ^ 1) < width) hashes++;
  }
  return hashes;
}

/** True when `hash` is leaf `index` of the tree with that root. `proof`: the siblings on the way up, one after the other. */
export function proves(
  shape: TreeShape,
  root: Uint8Array,
  leaf: { readonly index: number; readonly hash: Uint8Array },
  proof: Uint8Array,
): boolean {
  if (leaf.index >= leafCount(shape) || proof.length !== proofCount(shape, leaf.index) * hashBytes) return false;
  let hash = leaf.hash;
  let used = 0;
  for (let width = leafCount(shape), at = leaf.index; width > 1; width = Math.ceil(width / 2), at >>>= 1) {
    if ((at ^ 1) >= width) continue;
    const sibling = proof.subarray(used, used + hashBytes);
    used += hashBytes;
    hash = at % 2 === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash);
  }
  return Buffer.compare(rootHash(shape, hash), root) === 0;
}

/** All levels over some hashes that stand one after the other; the last level is the one at the top. */
export function levelsOver(hashes: Uint8Array): Uint8Array[] {
  const levels = [hashes];
  for (let below = hashes; below.length > hashBytes; ) {
    const above = levelOver(below);
    levels.push(above);
    below = above;
  }
  return levels;
}

function levelOver(below: Uint8Array): Uint8Array {
  const count = below.length / hashBytes;
  const above = new Uint8Array(Math.ceil(count / 2) * hashBytes);
  for (let index = 0; index < count; index += 2) {
    const left = below.subarray(index * hashBytes, (index + 1) * hashBytes);
    const right = below.subarray((index + 1) * hashBytes, (index + 2) * hashBytes);
    above.set(right.length === 0 ? left : nodeHash(left, right), (index / 2) * hashBytes);
  }
  return above;
}

/** The siblings of `index` in these levels, from below. */
export function siblings(levels: readonly Uint8Array[], index: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = index;
  for (const level of levels) {
    const sibling = at ^ 1;
    if (level.length > hashBytes && sibling < level.length / hashBytes) {
      found.push(level.subarray(sibling * hashBytes, (sibling + 1) * hashBytes));
    }
    at >>>= 1;
  }
  return found;
}

export const topOf = (levels: readonly Uint8Array[]): Uint8Array => levels.at(-1) ?? new Uint8Array(hashBytes);
