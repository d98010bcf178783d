const rules = { sources: 256, tokens: 64, perSecond: 16 } as const;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** How often one source may have an envelope compared with every contact: each costs a hash a contact. */
export class SearchLimit {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes one; false when there is none. */
  take(source: string, nowMs: number): boolean {
    const bucket = this.#bucketOf(source, nowMs);
    bucket.tokens = Math.min(rules.tokens, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * rules.perSecond);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  /** It led to a contact: given back. */
  giveBack(source: string): void {
    const bucket = this.#buckets.get(source);
    if (bucket !== undefined) bucket.tokens = Math.min(rules.tokens, bucket.tokens + 1);
  }

  #bucketOf(source: string, nowMs: number): Bucket {
    const found = this.#buckets.get(source) ?? { tokens: rules.tokens, atMs: nowMs };
    this.#buckets.delete(source);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size >= rules.sources && oldest !== undefined) this.#buckets.delete(oldest);
    this.#buckets.set(source, found);
    return found;
  }
}
