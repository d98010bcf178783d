import type { PublicKey } from '#kernel';

/** What has come to a node, and who waits for what: messages are told apart by their text. */
export class Inbox {
  readonly #seen = new Map<string, { readonly from: PublicKey; times: number }>();
  readonly #waiting = new Map<string, (() => void)[]>();

  put(from: PublicKey, text: string): void {
    const seen = this.#seen.get(text);
    if (seen === undefined) this.#seen.set(text, { from, times: 1 });
    else seen.times++;
    for (const tell of this.#waiting.get(text) ?? []) tell();
    this.#waiting.delete(text);
  }

  has(text: string): boolean {
    return this.#seen.has(text);
  }

  fromWhom(text: string): PublicKey | undefined {
    return this.#seen.get(text)?.from;
  }

  times(text: string): number {
    return this.#seen.get(text)?.times ?? 0;
  }

  /** Resolves when it has come. */
  async gets(text: string): Promise<void> {
    if (this.has(text)) return;
    await new Promise<void>((resolve) => this.#waiting.set(text, [...(this.#waiting.get(text) ?? []), resolve]));
  }
}
