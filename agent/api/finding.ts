/** One thing that was looked at. `wrong`: it is in the way; `note`: it may be. */
export interface Finding {
  readonly subject: string;
  readonly state: 'ok' | 'note' | 'wrong';
  /** `no-peer`, `no-route`, `key-unknown`, `far-side-silent` …; `fine` when nothing is the matter. */
  readonly cause: string;
  readonly found: string;
  /** What to do about it; null: nothing. */
  readonly remedy: string | null;
}
