import * as z from 'zod/mini';
import { choice, commitWindow, optional, size, worded } from './values.ts';

/** True: under a key beside the identity. A table: under a key elsewhere, and older keys to read with. */
export function encryption() {
  const wanted = 'true, false, or a table such as { key_file = "/media/key/ring.key" }';
  const file = z.string({ error: 'the path of a file of 32 bytes' }).check(z.minLength(1, { error: 'a path' }));
  const table = z.strictObject({
    key_file: z.optional(file),
    old_key_files: z.prefault(z.array(file, { error: 'a list of paths' }), []),
  });
  return worded('true, false or { key_file, old_key_files }', z.union([z.boolean(), table], { error: wanted }));
}

/** What a lane has its own way. */
export function lane() {
  const wanted = 'a table such as { commit = "1s", size = "100MB" }';
  const table = z.strictObject(
    {
      commit: optional('As ring.commit, for what is in this lane.', commitWindow(), '"1s"'),
      size: optional('What its records may take of the ring.', size({ least: '1MB', most: '1024GB' }), '"100MB"'),
      full: optional(
        'What happens to more; as ring.full unless set here.',
        choice(['drop-oldest', 'refuse']),
        '"refuse"',
      ),
    },
    { error: wanted },
  );
  return worded('{ commit, size, full }', table);
}
