import type { CursorAccount, Ring } from '#ring';

/** Where every message that a reader of the ring was owed has gone. */
export interface AccountLine {
  /** The cursor's name: `link/KEY/LANE`, `session/CLIENT`. */
  readonly cursor: string;
  readonly accepted: number;
  readonly delivered: number;
  readonly expired: number;
  readonly dropped: { readonly full: number; readonly damaged: number; readonly refused: number };
  readonly pending: number;
  /** accepted = delivered + expired + dropped + pending */
  readonly addsUp: boolean;
}

export interface Account {
  readonly lines: readonly AccountLine[];
  readonly addsUp: boolean;
}

/** The account of every cursor of the ring (HOUSE.md: everything not delivered is accounted for). */
export function accountOf(ring: Pick<Ring, 'cursors'>): Account {
  const lines = ring.cursors().map(({ name, account }) => lineOf(name, account));
  return { lines, addsUp: lines.every(({ addsUp }) => addsUp) };
}

function lineOf(cursor: string, { matched, settled, dropped, pending }: CursorAccount): AccountLine {
  const { expired, full, damaged, refused } = dropped;
  return {
    cursor,
    accepted: matched,
    delivered: settled,
    expired,
    dropped: { full, damaged, refused },
    pending,
    addsUp: matched === settled + expired + full + damaged + refused + pending,
  };
}
