import type { RingOptions } from '#ring';
import type { Configuration } from './config/read.ts';

/** The ring under a data directory, as `[ring]` wants it. */
export function ringOptions(ring: Configuration['ring'], data: string): RingOptions {
  const { size, full, commit, write_budget } = ring;
  return {
    directory: `${data}/ring`,
    sizeBytes: size,
    full,
    commitWindow: commit,
    writeBytesPerDay: write_budget ?? null,
  };
}
