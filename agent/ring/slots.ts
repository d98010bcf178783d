import type { Geometry } from './layout.ts';

/**
 * Which slots of the file may be taken. Normally as many segments live as the configured size has slots. When the file is
 * larger, because the size was made smaller, so many live as are held and some to go on in; the limit sinks as segments are
 * freed, so that nothing is dropped for the sake of the size alone.
 */
export class Slots {
  readonly #geometry: Geometry;
  /** Taken in turn, so that the medium wears evenly. */
  #free: number[];
  /** Slots that the file has room for, whole or begun. */
  #begun: number;
  /** How many segments may live at once. */
  limit: number;

  constructor(
    geometry: Geometry,
    { freeSlots, begunSlots }: { readonly freeSlots: readonly number[]; readonly begunSlots: number },
  ) {
    this.#geometry = geometry;
    this.#free = [...freeSlots];
    this.#begun = begunSlots;
    this.limit = begunSlots > geometry.slots ? Math.max(geometry.slots, this.#enough) : geometry.slots;
  }

  get free(): number {
    return Math.max(0, this.limit - this.#held);
  }

  /** The slot at the file's end that is begun next, when no other is free; null: none. */
  get nextNew(): number | null {
    return this.#free.length > 0 || this.#begun >= this.limit ? null : this.#begun;
  }

  /** Null when there is none. Slots behind the configured size are taken last. */
  take(): number | null {
    if (this.free === 0) return null;
    const inside = this.#free.findIndex((slot) => slot < this.#geometry.slots);
    const [taken] = this.#free.splice(Math.max(0, inside), 1);
    return taken ?? this.#begun++;
  }

  giveBack(slot: number): void {
    this.#free.push(slot);
    this.limit = Math.max(this.#geometry.slots, Math.min(this.limit, this.#enough));
  }

  /** True when the file's end may go, and is counted as gone: the limit has sunk and nothing lives there. */
  cut(): boolean {
    const { slots } = this.#geometry;
    const inside = this.#free.filter((slot) => slot < slots);
    const behind = this.#free.length - inside.length;
    if (this.#begun <= slots || this.limit > slots || behind < this.#begun - slots) return false;
    this.#begun = slots;
    this.#free = inside;
    return true;
  }

  /** Slots that are not free, whatever lies in them. */
  get #held(): number {
    return this.#begun - this.#free.length;
  }

  /** What is held, the reserve, and three more: the start itself may begin a segment, and must not make room for it. */
  get #enough(): number {
    return this.#held + this.#geometry.reserveSlots + 3;
  }
}
