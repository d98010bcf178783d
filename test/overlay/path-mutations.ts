/** One promise of the better path broken; the tests of the path must see it. Each `from` stands exactly once in its file. */
export interface PathMutation {
  readonly name: string;
  /** Under agent/overlay/path. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const pathMutations: readonly PathMutation[] = [
  {
    name: 'any-token',
    file: 'far.ts',
    from: 'if (this.session?.mine === token) return',
    to: 'if (this.session) return',
  },
  {
    name: 'heard-twice',
    file: 'session.ts',
    from: 'return number >= this.#floor && !this.heard.has(number);',
    to: 'return true;',
  },
  { name: 'no-resend', file: 'letter.ts', from: 'this.again.push([from, to]);', to: 'void [from, to];' },
  {
    name: 'early-taken',
    file: 'intake.ts',
    from: 'this.#waits(message, payload, now);',
    to: 'this.#waits(message, payload, now); answer(stateCode.taken, message.tag);',
  },
  { name: 'no-memory', file: 'intake.ts', from: '    remembered.add(from, id, isReply, done);\n', to: '' },
  { name: 'no-restart', file: 'letters.ts', from: 'if (letter.wasSent) this.#begin(far, letter);', to: 'void letter;' },
  {
    name: 'no-conflict',
    file: 'intake.ts',
    from: 'remembered.hasDone(from, id, done) ? stateCode.taken : stateCode.conflict',
    to: 'stateCode.taken',
  },
  { name: 'window-leak', file: 'machine.ts', from: '      far.window.giveBack(bytes);\n', to: '' },
  {
    name: 'any-reset',
    file: 'machine.ts',
    from: ' || far.session.theirs !== token) return;',
    to: ' || token < 0) return;',
  },
  {
    name: 'hello-ends',
    file: 'greeting.ts',
    from: 'far.next.theirs = greeting.token;\n    this.#welcome(far, far.next);',
    to: 'far.next.theirs = greeting.token;\n    far.session = null;\n    this.#welcome(far, far.next);',
  },
  {
    name: 'no-black-hole',
    file: 'packet-size.ts',
    from: 'if (bytes > baseBytes && ++this.#lostInRow >= blackHoleAfter) this.fall(now);',
    to: '',
  },
  {
    name: 'old-attempt',
    file: 'receipts.ts',
    from: 'letter.tag === tag && !letter.isFinished',
    to: '!letter.isFinished',
  },
  {
    name: 'no-renewal',
    file: 'machine.ts',
    from: 'far.session.nextNumber >= this.#options.numbers',
    to: 'far.session.nextNumber < 0',
  },
  {
    name: 'controls-lost',
    file: 'receipts.ts',
    from: 'if (frame !== pingFrame) far.controls.push(frame);',
    to: 'void frame;',
  },
  {
    name: 'controls-dropped',
    file: 'machine.ts',
    from: '      far.controls.push(...controls);\n',
    to: '      void controls;\n',
  },
  {
    name: 'no-question',
    file: 'letters.ts',
    from: 'far.controls.push(askFrame(letter.tag, letter.idBytes, letter.isReply));',
    to: '',
  },
  {
    name: 'never-missing',
    file: 'letters.ts',
    from: 'else if (code === stateCode.missing && letter.areAllAcked) this.#begin(far, letter);',
    to: '',
  },
  {
    name: 'hold-for-ever',
    file: 'letters.ts',
    from: 'const earliest = Math.max(now, letter.refusedAt + this.#path.firstHold);',
    to: 'const earliest = letter.heldUntil ?? now;',
  },
  {
    name: 'no-abort',
    file: 'intake.ts',
    from: 'if (this.#shared.halfOpen.remove(from.key, id)) this',
    to: 'if (id.length < 0) this',
  },
  {
    name: 'no-wake',
    file: 'machine.ts',
    from: 'for (const far of this.#sending.waiting) this.#dirty.add(far);',
    to: '',
  },
  { name: 'no-room-asked', file: 'sending.ts', from: ' && !this.#sink.hasRoom(far.subnet)', to: ' && false' },
  { name: 'no-hand-over', file: 'machine.ts', from: '      this.#sink.handOver(letter);\n', to: '' },
];
