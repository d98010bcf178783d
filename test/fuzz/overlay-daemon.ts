import { assert, isAgentError } from '#kernel';
import { AnswerReader } from '../../agent/overlay/daemon/http/answer-reader.ts';
import { parseInfo, parseMessage, parsePeers, parseRoutes, parseState } from '../../agent/overlay/daemon/shapes.ts';
import type { Target } from '../../scripts/fuzz/target.ts';

const text = (written: string): Uint8Array => Buffer.from(written, 'latin1');
const limitBytes = 4096;

/** What a stock daemon, or whatever listens in its place, answers to the agent. */
export const overlayDaemon: readonly Target[] = [
  {
    name: 'daemon-answer',
    seeds: () => [
      text('HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n'),
      text('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'),
      text('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'),
      text('HTTP/1.0 404 No\r\n\r\nto the end'),
    ],
    run: (bytes) => {
      const whole = outcomeOf([bytes]);
      assert(whole.bodyBytes <= limitBytes, 'a body over the limit');
      const pieces = outcomeOf(Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)));
      // What follows an answer in the same piece is refused; in the next it is not asked for any more.
      if (whole.how === 'answer') assert(pieces.how === 'answer', 'pieces end otherwise than the whole');
    },
  },
  {
    name: 'daemon-shapes',
    seeds: () => [
      text('{"nodeSubnet":"50d::/64","nodeIp":"50d::1","nodePubkey":"00","nodeStartTime":1}'),
      text('{"dst":"400::1","state":{"sending":{"pending":1,"sent":2,"acked":3}},"created":1,"deadline":2,"msgLen":3}'),
      text('[{"subnet":"400::/64","nextHop":"x","metric":"infinite","seqno":0}]'),
    ],
    run: (bytes) => {
      const found = jsonOf(bytes);
      for (const parse of [parseInfo, parseMessage, parsePeers, parseRoutes, parseState]) refused(() => parse(found));
    },
  },
];

function outcomeOf(pieces: readonly Uint8Array[]): { how: 'answer' | 'refused' | 'waiting'; bodyBytes: number } {
  const reader = new AnswerReader();
  reader.begin(limitBytes);
  let bodyBytes = 0;
  let how: 'answer' | 'refused' | 'waiting' = 'waiting';
  const isRefused = refused(() => {
    for (const piece of pieces) {
      const answer = reader.feed(piece);
      if (answer === null) continue;
      how = 'answer';
      bodyBytes = answer.body.length;
      return;
    }
  });
  return { how: isRefused ? 'refused' : how, bodyBytes };
}

function refused(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (error) {
    if (isAgentError(error)) return true;
    throw error;
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return null;
  }
}
