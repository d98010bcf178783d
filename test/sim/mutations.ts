/** A promise of the bus broken in one place: what the storm must see. */
export interface Mutation {
  readonly name: string;
  /** Under agent/bus. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

export const mutations: readonly Mutation[] = [
  {
    name: 'early-ack',
    file: 'inbound.ts',
    from: '    if (last === 0) this.#durable(last);',
    to: '    session.durable = Math.max(session.durable, number + 1); this.#ackDue = true;\n    if (last === 0) this.#durable(last);',
  },
  {
    name: 'token-of-batch',
    file: 'inbound.ts',
    from: 'if (session === null || frame.token !== session.token) {',
    to: 'if (session === null) {',
  },
  {
    name: 'token-of-ack',
    file: 'outbound.ts',
    from: "if (this.#state !== 'open' || frame.token !== this.#token) return;\n    this.lastAckAt = now;",
    to: "if (this.#state !== 'open') return;\n    this.lastAckAt = now;",
  },
  // Since the ring itself knows what it has stored of each origin, this is caught by that alone.
  {
    name: 'duplicates',
    file: 'arrival.ts',
    from: 'if (reader.sequence <= this.#known) {',
    to: 'if (reader.sequence < 0) {',
  },
  {
    name: 'no-resend',
    file: 'outbound.ts',
    from: 'for (const flight of this.#window.missing()) this.#fly(flight, now, true);',
    to: '',
  },
  {
    name: 'busy-for-ever',
    file: 'outbound.ts',
    from: 'this.#busy = frame.busy === 1 && this.#window.count > 0;',
    to: 'this.#busy ||= frame.busy === 1;',
  },
  {
    name: 'gap-ordinal-packed',
    file: 'packer.ts',
    from: '    this.#ordinal += count;\n    this.#last = gap.to;',
    to: '    this.#last = gap.to;',
  },
  { name: 'gap-ordinal-arrived', file: 'arrival.ts', from: '    this.#ordinal += gapCount;\n', to: '' },
  { name: 'gap-ordinal-recap', file: 'recap.ts', from: '      this.#ordinal += item.count;\n', to: '' },
];
