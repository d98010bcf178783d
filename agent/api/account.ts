import { removedLinks } from '#links';
import type { CursorAccount, Ring } from '#ring';

/** Where every message that a reader of the ring was owed has gone. */
export interface AccountLine {
  /** The cursor's name: `link/KEY/LANE`, `session/CLIENT`. */
  readonly cursor: string;
  readonly accepted: number;
  readonly delivered: number;
  readonly expired: number;
  /** `abandoned`: still owed to a link when it was taken out of the configuration. */
  readonly dropped: {
    readonly full: number;
    readonly damaged: number;
    readonly refused: number;
    /** A newer value of the topic waited behind it (`keep`). */
    readonly superseded: number;
    readonly abandoned: number;
  };
  readonly pending: number;
  /** accepted = delivered + expired + dropped + pending */
  readonly addsUp: boolean;
}

export interface Account {
  readonly lines: readonly AccountLine[];
  readonly addsUp: boolean;
}

/**
 * The account of every cursor of the ring, and of those whose links are no longer configured (HOUSE.md: everything not
 * delivered is accounted for).
 */
export function accountOf(ring: Pick<Ring, 'cursors' | 'states'>): Account {
  const present = ring.cursors().map(({ name, account }) => lineOf(name, account, 0));
  const past = removedLinks(ring).map(({ cursor, account, abandoned }) =>
    lineOf(`${cursor} (removed)`, account, abandoned),
  );
  const lines = [...present, ...past];
  return { lines, addsUp: lines.every(({ addsUp }) => addsUp) };
}

function lineOf(cursor: string, { matched, settled, dropped, pending }: CursorAccount, abandoned: number): AccountLine {
  const { expired, full, damaged, refused, superseded } = dropped;
  return {
    cursor,
    accepted: matched,
    delivered: settled,
    expired,
    dropped: { full, damaged, refused, superseded, abandoned },
    pending,
    addsUp: matched === settled + expired + full + damaged + refused + superseded + abandoned + pending,
  };
}
