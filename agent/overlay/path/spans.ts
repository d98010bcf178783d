/**
 * Numbers that have been seen, as stretches [start, end) in order with holes between. Nearly always one stretch: what
 * continues the last one costs nothing.
 */
export class Spans {
  #starts: number[] = [];
  #ends: number[] = [];

  get count(): number {
    return this.#starts.length;
  }

  start(index: number): number {
    return this.#starts[index] ?? 0;
  }

  end(index: number): number {
    return this.#ends[index] ?? 0;
  }

  /** How many numbers it holds. */
  get total(): number {
    let total = 0;
    for (let index = 0; index < this.count; index++) total += this.end(index) - this.start(index);
    return total;
  }

  has(number: number): boolean {
    for (let index = this.count - 1; index >= 0; index--) {
      if (number >= this.start(index)) return number < this.end(index);
    }
    return false;
  }

  covers(start: number, end: number): boolean {
    for (let index = this.count - 1; index >= 0; index--) {
      if (start >= this.start(index)) return end <= this.end(index);
    }
    return false;
  }

  add(start: number, end: number): void {
    const last = this.count - 1;
    if (last < 0 || start > this.end(last)) {
      this.#starts.push(start);
      this.#ends.push(end);
      return;
    }
    if (start >= this.start(last)) {
      this.#ends[last] = Math.max(this.end(last), end);
      return;
    }
    this.#insert(start, end);
  }

  /** The stretches of [start, end) that are not there, in order. */
  holes(start: number, end: number): readonly (readonly [start: number, end: number])[] {
    const holes: [number, number][] = [];
    let at = start;
    for (let index = 0; index < this.count && at < end; index++) {
      if (this.end(index) <= at) continue;
      if (this.start(index) > at) holes.push([at, Math.min(end, this.start(index))]);
      at = Math.max(at, this.end(index));
    }
    if (at < end) holes.push([at, end]);
    return holes;
  }

  /** The first stretches go until at most `limit` are left. Returns where the oldest that was kept begins. */
  forgetFirst(limit: number): number {
    const surplus = this.count - limit;
    if (surplus > 0) {
      this.#starts.splice(0, surplus);
      this.#ends.splice(0, surplus);
    }
    return this.start(0);
  }

  clear(): void {
    this.#starts = [];
    this.#ends = [];
  }

  #insert(start: number, end: number): void {
    let from = 0;
    while (from < this.count && this.end(from) < start) from++;
    let to = from;
    let [low, high] = [start, end];
    while (to < this.count && this.start(to) <= end) {
      low = Math.min(low, this.start(to));
      high = Math.max(high, this.end(to));
      to++;
    }
    this.#starts.splice(from, to - from, low);
    this.#ends.splice(from, to - from, high);
  }
}
