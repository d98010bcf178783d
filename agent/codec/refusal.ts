/** Why bytes are not what a layout says: a value, not an exception, because strangers send the bytes. */
export class Refusal {
  readonly layout: string;
  readonly field: string;
  /** Bytes from the start of what was to be decoded. */
  readonly offset: number;
  readonly found: string;
  readonly wanted: string;

  constructor(layout: string, field: string, offset: number, found: string, wanted: string) {
    this.layout = layout;
    this.field = field;
    this.offset = offset;
    this.found = found;
    this.wanted = wanted;
  }

  toString(): string {
    return `${this.layout}.${this.field} at ${this.offset}: ${this.found}, wanted ${this.wanted}`;
  }
}

export function isRefusal(value: unknown): value is Refusal {
  return value instanceof Refusal;
}
