/** One request of the stock API's contract, and what of its answer is held to. */
export interface Step {
  readonly title: string;
  readonly to: 'left' | 'right';
  /** HTTP: `GET /path` under /api/v1. JSON-RPC: the method's name. */
  readonly http?: string;
  readonly rpc?: string;
  /** Of JSON-RPC; left out when undefined. */
  readonly params?: unknown;
  /** As JSON; with `raw`: as it is. In both `{left.pk}`, `{id}` and their like stand for what they name. */
  readonly body?: unknown;
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The answer is held to its values, not only to its shape. */
  readonly exact?: true;
  /** Asked again until this text stands in the answer. */
  readonly until?: string;
  /** Names that later steps use for fields of the answer. */
  readonly keep?: Readonly<Record<string, string>>;
  /** Where the agent knowingly answers otherwise, and why. */
  readonly ours?: { readonly why: string; readonly answer: Answer };
}

/** What is held to: status, media type, and the shape (or values) of the body. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: unknown;
}

export interface Recorded extends Answer {
  readonly title: string;
}

/** Where one node of the pair is asked, and what is known of it. */
export interface Asked {
  readonly httpPort: number;
  readonly rpcPort: number;
  readonly pk: string;
  readonly ip: string;
  readonly subnet: string;
}

/** Two nodes that know and reach each other; `socket` leads to a program that answers "re:" and what it was told. */
export interface Nodes {
  readonly left: Asked;
  readonly right: Asked;
  readonly socket: string;
  stop(): Promise<void>;
}
