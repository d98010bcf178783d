import { label } from './labels.ts';

/** Labels of a context. FORMAT.md, "Sealing". */
export const sealWords = {
  context: label('ctx'),
  batch: label('batch'),
  salt: label('salt'),
  hash: label('hash'),
  pair: label('pair'),
} as const;
