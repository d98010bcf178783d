import { blake3 } from '#crypto';
import { decodeMessageFile, encodeMessageFile } from '../../agent/api/inbox/message-file.ts';
import { answerRpc, methodNotFound } from '../../agent/api/rpc/envelope.ts';
import { Params } from '../../agent/api/rpc/params.ts';
import { isWithin, parseRange } from '../../agent/api/subnets.ts';
import type { Target } from '../../scripts/fuzz/target.ts';
import { messageOf } from '../api/inbox-bench.ts';
import { assertSame } from './same.ts';

const calls = [
  '{"jsonrpc":"2.0","id":1,"method":"popMessage","params":{"peek":true,"timeout":1,"topic":"dG9w"}}',
  '[{"jsonrpc":"2.0","id":"a","method":"addTopic","params":["dG9w"]},{"jsonrpc":"2.0","method":"x"},5]',
];

/** Answers with what it was given, as every method reads it. */
async function echo(method: string, found: unknown): Promise<unknown> {
  if (method === 'nope') throw methodNotFound();
  const params = new Params(found, ['peek', 'timeout', 'topic']);
  return [params.flagOrNull('peek'), params.wholeOrNull('timeout'), params.textOrNull('topic')];
}

const behindDigest = (body: Uint8Array): Uint8Array => Buffer.concat([blake3(body), body]);

export const api: readonly Target[] = [
  {
    name: 'inbox-message',
    seeds: () => [messageOf(1), messageOf(2, 'a/topic', 0)].map((message) => encodeMessageFile(message).subarray(32)),
    run: (bytes) => {
      const message = decodeMessageFile(behindDigest(bytes));
      if (message === null) return;
      const again = decodeMessageFile(encodeMessageFile(message));
      assertSame(encodeMessageFile(message), again === null ? new Uint8Array() : encodeMessageFile(again));
    },
  },
  {
    name: 'json-rpc',
    seeds: () => calls.map((call) => Buffer.from(call)),
    run: async (bytes) => {
      const { body } = await answerRpc(Buffer.from(bytes).toString(), echo);
      JSON.parse(body);
    },
  },
  {
    name: 'ip-range',
    seeds: () => ['400::/7', '4f8:84b0:d7be:7300::1', '10.0.0.0/8', '::/0'].map((text) => Buffer.from(text)),
    run: (bytes) => {
      const range = parseRange(Buffer.from(bytes).toString());
      if (range === null) return;
      if (parseRange(range.text)?.text !== range.text) throw new Error(`${range.text} is read as another`);
      isWithin(range, '04'.repeat(16) as never);
    },
  },
];
