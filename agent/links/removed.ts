import { constant, isRefusal, layout, u8, u64 } from '#codec';
import type { CursorAccount, Ring, StateChange } from '#ring';
import { cursorPrefix } from './flow.ts';
import type { RemovedLink } from './types.ts';

export const removedPrefix = 'links/removed/';
/** Kept apart, each 73 bytes; those of later contacts are added up in one. */
export const removedLimit = 256;
const others = 'others';

const figures = {
  matched: u64,
  settled: u64,
  full: u64,
  damaged: u64,
  expired: u64,
  refused: u64,
  abandoned: u64,
} as const;

/** In the ring as `links/removed/<contact>/<lane>`. */
const removedLayout = layout('links.removed', { version: constant(u8, 2), ...figures, superseded: u64 });
/** As it was before records could be superseded. */
const olderLayout = layout('links.removed.1', { version: constant(u8, 1), ...figures });

/** What links that are gone have come to, over all lives of this ring: so that its account still adds up. */
export function removedLinks(ring: Pick<Ring, 'states'>): RemovedLink[] {
  const found: RemovedLink[] = [];
  for (const [key, value] of ring.states(removedPrefix)) {
    const kept = keptOf(value);
    if (kept === null) continue;
    const { matched, settled, full, damaged, expired, refused, superseded, abandoned } = kept;
    const account = { matched, settled, dropped: { full, damaged, expired, refused, superseded }, pending: 0 };
    found.push({ cursor: cursorPrefix + key.slice(removedPrefix.length), account, abandoned });
  }
  return found;
}

function keptOf(value: Uint8Array) {
  const kept = removedLayout.decode(value);
  if (!isRefusal(kept)) return kept;
  const older = olderLayout.decode(value);
  return isRefusal(older) ? null : { ...older, superseded: 0 };
}

/** The entry that closes a cursor's account, added to what earlier cursors of the same name came to. */
export function closing(ring: Pick<Ring, 'states'>, cursor: string, account: CursorAccount): StateChange {
  const known = removedLinks(ring);
  const full = known.length >= removedLimit && !known.some((one) => one.cursor === cursor);
  const name = full ? others : cursor.slice(cursorPrefix.length);
  const before = known.find((one) => one.cursor === cursorPrefix + name);
  const { dropped } = account;
  const value = removedLayout.encode({
    matched: account.matched + (before?.account.matched ?? 0),
    settled: account.settled + (before?.account.settled ?? 0),
    full: dropped.full + (before?.account.dropped.full ?? 0),
    damaged: dropped.damaged + (before?.account.dropped.damaged ?? 0),
    expired: dropped.expired + (before?.account.dropped.expired ?? 0),
    refused: dropped.refused + (before?.account.dropped.refused ?? 0),
    superseded: dropped.superseded + (before?.account.dropped.superseded ?? 0),
    abandoned: account.pending + (before?.abandoned ?? 0),
  });
  return { kind: 'state', key: removedPrefix + name, value };
}
