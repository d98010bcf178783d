/** One place of the bus, broken. */
interface Change {
  /** Under agent/bus. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

/** A promise of the bus broken: what the storm must see. */
export interface Mutation {
  readonly name: string;
  readonly changes: readonly Change[];
}

export const mutations: readonly Mutation[] = [
  {
    name: 'early-ack',
    changes: [
      {
        file: 'inbound.ts',
        from: '    if (last === 0) this.#durable(last);',
        to: '    session.durable = Math.max(session.durable, number + 1); this.#answers.ackDue = true;\n    if (last === 0) this.#durable(last);',
      },
    ],
  },
  {
    name: 'token-of-batch',
    changes: [
      {
        file: 'inbound.ts',
        from: 'if (session === null || frame.token !== session.token) {',
        to: 'if (session === null) {',
      },
    ],
  },
  {
    name: 'token-of-ack',
    changes: [
      {
        file: 'outbound.ts',
        from: "if (this.#state !== 'open' || frame.token !== this.#token) return;\n    this.lastAckAt = now;",
        to: "if (this.#state !== 'open') return;\n    this.lastAckAt = now;",
      },
    ],
  },
  // Both lines of defence: the stream's place, and what the ring knows of each origin. Either alone is enough.
  {
    name: 'duplicates',
    changes: [
      { file: 'arrival.ts', from: 'if (reader.sequence <= this.#known) {', to: 'if (reader.sequence < 0) {' },
      { file: 'arrival.ts', from: 'if (this.#isStored(provenance)) {', to: 'if (reader.sequence < 0) {' },
    ],
  },
  {
    name: 'no-resend',
    changes: [
      {
        file: 'shipment.ts',
        from: 'for (const flight of this.#window.missing()) this.#fly(flight, now, true);',
        to: '',
      },
    ],
  },
  {
    name: 'busy-for-ever',
    changes: [
      {
        file: 'shipment.ts',
        from: 'this.busy = frame.busy === 1 && this.#window.count > 0;',
        to: 'this.busy ||= frame.busy === 1;',
      },
    ],
  },
  {
    name: 'gap-ordinal-packed',
    changes: [
      {
        file: 'packer.ts',
        from: '    this.#ordinal += count;\n    this.#last = gap.to;',
        to: '    this.#last = gap.to;',
      },
    ],
  },
  { name: 'gap-ordinal-arrived', changes: [{ file: 'arrival.ts', from: '    this.#ordinal += gapCount;\n', to: '' }] },
  { name: 'gap-ordinal-recap', changes: [{ file: 'recap.ts', from: '      this.#ordinal += item.count;\n', to: '' }] },
];
