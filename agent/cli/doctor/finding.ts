/** As agent/api/doctor.ts finds them in a running agent. */
export interface Finding {
  readonly subject: string;
  readonly state: 'ok' | 'note' | 'wrong';
  readonly cause: string;
  readonly found: string;
  readonly remedy: string | null;
}

export const fine = (subject: string, found: string): Finding => ({
  subject,
  state: 'ok',
  cause: 'fine',
  found,
  remedy: null,
});

export const wrong = (subject: string, cause: string, found: string, remedy: string): Finding => ({
  subject,
  state: 'wrong',
  cause,
  found,
  remedy,
});

const marks = { ok: 'ok   ', note: 'note ', wrong: 'WRONG' };

/** One line: what was looked at, what was found, what to do. */
export function findingLine({ subject, state, found, remedy }: Finding): string {
  return `${marks[state]}  ${subject}: ${found}${remedy === null ? '' : `; ${remedy}`}`.replaceAll(/\s*\n\s*/g, ' ');
}
