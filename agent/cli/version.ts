import { readFileSync } from 'node:fs';

/** As package.json says. */
export const version: string = readVersion();

function readVersion(): string {
  const found: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const known = typeof found === 'object' && found !== null && 'version' in found;
  return known && typeof found.version === 'string' ? found.version : '0.0.0';
}
