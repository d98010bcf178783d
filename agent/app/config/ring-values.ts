import * as z from 'zod/mini';
import { worded } from './values.ts';

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
