/** Answers to a pure question, kept; thrown away all together when there are too many. */
export class AnswerCache<T> {
  readonly #answers = new Map<string, T>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(question: string, answer: (question: string) => T): T {
    const known = this.#answers.get(question);
    if (known !== undefined) return known;
    if (this.#answers.size >= this.#limit) this.#answers.clear();
    const found = answer(question);
    this.#answers.set(question, found);
    return found;
  }
}
