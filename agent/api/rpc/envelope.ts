/** JSON-RPC 2.0 as the stock daemon speaks it over HTTP: requests, batches, and what is answered to broken ones. */

/** An answer that is an error. `detail` goes out as `data`: what was found and wanted. */
export class RpcFault extends Error {
  readonly code: number;
  readonly detail: string | undefined;

  constructor(code: number, message: string, detail?: string) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

export const parseError = (): RpcFault => new RpcFault(-32_700, 'Parse error');
export const invalidRequest = (): RpcFault => new RpcFault(-32_600, 'Invalid request');
export const methodNotFound = (): RpcFault => new RpcFault(-32_601, 'Method not found');
export const invalidParams = (detail: string): RpcFault => new RpcFault(-32_602, 'Invalid params', detail);
/** What stock says for codes of its own. */
export const serverError = (code: number, detail?: string): RpcFault => new RpcFault(code, 'Server error', detail);

export type Call = (method: string, params: unknown) => Promise<unknown>;

export interface Answered {
  readonly status: number;
  readonly body: string;
}

/** Requests in one batch. */
const batchLimit = 100;

/** A request or a batch of them. Never rejects for what `text` says; `call` rejects with `RpcFault`. */
export async function answerRpc(text: string, call: Call): Promise<Answered> {
  const isBatch = /^\s*\[/.test(text);
  if (!isBatch && !/^\s*\{/.test(text)) return { status: 400, body: failure(null, parseError()) };
  const found = parsed(text);
  if (found === undefined) return { status: 200, body: failure(null, parseError()) };
  if (!Array.isArray(found)) {
    // Stock's parser calls an object that is no request, and has no id either, no JSON.
    const body = isNameless(found) ? failure(null, parseError()) : await answerOne(found, call);
    return { status: 200, body: body ?? 'null' };
  }
  if (found.length === 0) return { status: 200, body: failure(null, invalidRequest()) };
  if (found.length > batchLimit) {
    const tooMany = new RpcFault(-32_010, 'The batch request was too large', `Exceeded max limit of ${batchLimit}`);
    return { status: 200, body: failure(null, tooMany) };
  }
  const answers = await Promise.all(found.map((one) => answerOne(one, call)));
  const wanted = answers.filter((answer) => answer !== null);
  return { status: 200, body: wanted.length === 0 ? 'null' : `[${wanted.join(',')}]` };
}

/** The answer to a body that is longer than `limitBytes`. */
export const tooBig = (limitBytes: number): string =>
  failure(null, new RpcFault(-32_007, 'Request is too big', `Exceeded max limit of ${limitBytes}`));

const isNameless = (found: unknown): boolean =>
  typeof found === 'object' && found !== null && !('id' in found) && !('method' in found);

type Id = string | number | null;

/** Null: a notification, or what stock takes for one; nothing is done. */
async function answerOne(found: unknown, call: Call): Promise<string | null> {
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return failure(null, invalidRequest());
  const { jsonrpc, id, method, params } = found as Readonly<Record<string, unknown>>;
  if (jsonrpc !== '2.0' || typeof method !== 'string') return failure(isId(id) ? id : null, invalidRequest());
  if (!isId(id)) return null;
  try {
    const result = (await call(method, params)) ?? null;
    return JSON.stringify({ jsonrpc: '2.0', id, result });
  } catch (error) {
    if (error instanceof RpcFault) return failure(id, error);
    throw error;
  }
}

const isId = (found: unknown): found is Id =>
  found === null || typeof found === 'string' || (Number.isSafeInteger(found) && Number(found) >= 0);

function failure(id: Id, { code, message, detail }: RpcFault): string {
  const error = detail === undefined ? { code, message } : { code, message, data: detail };
  return JSON.stringify({ jsonrpc: '2.0', id, error });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
