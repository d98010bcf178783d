import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
let made: string | undefined;

/** The agent as it is shipped, relative to the source tree: the bundle, made anew if a source is newer. Throws when that fails. */
export function program(): string {
  if (made === undefined) {
    // scripts/hypha knows when; it falls back to the sources with a line on stderr, which is no pass here.
    const said = execFileSync('sh', ['-c', `"${root}scripts/hypha" --version 2>&1`]).toString();
    if (!/^\d+\.\d+\.\d+\n$/.test(said)) throw new Error(said);
    made = '.build/hypha/hypha.mjs';
  }
  return made;
}
