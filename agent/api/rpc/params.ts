import { invalidParams } from './envelope.ts';

/** Parameters by name (camel or snake case, as stock takes both) or by position; null is as good as absent. */
export class Params {
  readonly #found: unknown;
  readonly #names: readonly string[];

  constructor(found: unknown, names: readonly string[]) {
    const isFit = found === undefined || found === null || typeof found === 'object';
    if (!isFit && names.length > 0) throw invalidParams('params: wanted a list or an object');
    this.#found = found;
    this.#names = names;
  }

  text(name: string): string {
    return this.textOrNull(name) ?? missing(name);
  }

  textOrNull(name: string): string | null {
    const value = this.value(name);
    if (value !== null && typeof value !== 'string') throw invalidParams(`${name}: wanted text`);
    return value;
  }

  flag(name: string): boolean {
    return this.flagOrNull(name) ?? missing(name);
  }

  flagOrNull(name: string): boolean | null {
    const value = this.value(name);
    if (value !== null && typeof value !== 'boolean') throw invalidParams(`${name}: wanted true or false`);
    return value;
  }

  wholeOrNull(name: string): number | null {
    const value = this.value(name);
    if (value === null) return null;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      throw invalidParams(`${name}: wanted a whole number`);
    return value;
  }

  value(name: string): unknown {
    const found = this.#found;
    if (Array.isArray(found)) return found[this.#names.indexOf(name)] ?? null;
    if (typeof found !== 'object' || found === null) return null;
    const table = found as Readonly<Record<string, unknown>>;
    return table[name] ?? table[snake(name)] ?? null;
  }
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function missing(name: string): never {
  throw invalidParams(`${name}: missing`);
}
