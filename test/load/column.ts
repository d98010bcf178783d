type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** A column of numbers that grows by doubling: a million rows of a log in a few megabytes. */
export class Column {
  #values: Numbers;
  #count = 0;

  constructor(kind: 'u8' | 'u16' | 'u32' | 'f64') {
    this.#values = new makers[kind](1024);
  }

  get count(): number {
    return this.#count;
  }

  push(value: number): void {
    if (this.#count === this.#values.length) this.#grow();
    this.#values[this.#count++] = value;
  }

  at(index: number): number {
    return this.#values[index] as number;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  #grow(): void {
    const wider = new (this.#values.constructor as new (length: number) => Numbers)(this.#values.length * 2);
    wider.set(this.#values);
    this.#values = wider;
  }
}

const makers = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, f64: Float64Array };
