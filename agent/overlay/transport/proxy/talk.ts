/** What the talk with a proxy comes to next. */
export type ProxyStep =
  | { readonly kind: 'say'; readonly bytes: Uint8Array }
  /** More must come first. */
  | { readonly kind: 'wait' }
  /** From here on the bytes are the target's; `rest` are its first. */
  | { readonly kind: 'through'; readonly rest: Uint8Array }
  | { readonly kind: 'refused'; readonly why: string };

/** The client's side of a proxy protocol, for one link. What it keeps of the proxy's bytes is bounded. */
export interface ProxyTalk {
  begin(): Uint8Array;
  step(bytes: Uint8Array): ProxyStep;
}
