import test from 'ava';
import { type Address, instant, type PublicKey, type Random } from '#kernel';
import type { ReceivedMessage } from '#overlay';
import { MessageMachine } from '../../agent/overlay/message/machine.ts';
import type { Origin } from '../../agent/overlay/message/sink.ts';
import type { MessageId, MessageState } from '../../agent/overlay/types.ts';
import { type Packet, packetsOf, vectors } from './message-transcripts.ts';

interface Replayed {
  readonly machine: MessageMachine;
  readonly received: ReceivedMessage[];
  readonly states: MessageState[];
  readonly sent: string[];
}

/** Plays the stock side of a transcript to our machine and collects what it sends. */
function replay(name: string, sendAhead: boolean, outgoing: { topic?: string; payload: Uint8Array } | null): Replayed {
  const { peer, packets } = packetsOf(name);
  const first = packets.find((packet) => packet.from === 'us');
  const id = first?.body.subarray(0, 8) ?? Buffer.alloc(8);
  const random: Random = { bytes: () => id, fraction: () => 0.5 };
  const played: Replayed = { machine: undefined as unknown as MessageMachine, received: [], states: [], sent: [] };
  const sink = {
    transmit: (_to: Address, body: Uint8Array) => played.sent.push(Buffer.from(body).toString('hex')),
    gathering: () => undefined,
    hasRoom: () => true,
    received: (message: ReceivedMessage) => played.received.push(message),
    admit: () => true,
  };
  const machine = new MessageMachine({ sendAhead }, sink, random);
  const now = instant(1000);
  if (outgoing !== null && first !== undefined) {
    const topic = Buffer.from(outgoing.topic ?? '');
    const changed = (state: MessageState): void => {
      played.states.push(state);
    };
    const message = {
      to: first.destination,
      topic,
      payload: outgoing.payload,
      replyTo: null,
      deadlineMs: null,
      changed,
    };
    machine.send(message, first.destination, now);
  }
  const from = (packet: Packet): Origin => ({ key: vectors.public[peer] as PublicKey, address: packet.source });
  for (const packet of packets) {
    if (packet.from === 'stock') machine.packet(from(packet), packet.destination, packet.body, now);
  }
  return { ...played, machine };
}

const ours = (name: string): string[] =>
  packetsOf(name)
    .packets.filter((packet) => packet.from === 'us')
    .map((packet) => packet.body.toString('hex'));

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index % 251);

const sending = [
  { name: 'send-short-with-topic', topic: 'greet', payload: Buffer.from('hello'), ends: 'received' },
  { name: 'send-empty', payload: Buffer.alloc(0), ends: 'read' },
  { name: 'send-2601-bytes', payload: pattern(2601), ends: 'read' },
  { name: 'route-request-and-multi-hop', payload: Buffer.from('via A'), ends: 'read' },
] as const;

for (const { name, ends, ...message } of sending) {
  test(`step by step, a message is sent with the very bytes of the transcript ${name}`, (t) => {
    const { sent, states } = replay(name, false, message);
    t.deepEqual(sent, ours(name));
    t.is(states.at(-1), ends);
  });

  test(`sent ahead, the packets of ${name} are the same in the same order, and DONE once more to learn`, (t) => {
    const { sent, states } = replay(name, true, message);
    t.deepEqual(sent.slice(0, -1), ours(name));
    t.is(sent.at(-1), ours(name).at(-1));
    t.is(states.at(-1), ends);
  });
}

const receiving = [
  { name: 'receive-short', topic: 't1', payload: Buffer.from('from stock') },
  { name: 'receive-5000-bytes', topic: '', payload: pattern(5000) },
  { name: 'receive-1301-bytes', topic: '', payload: pattern(1301) },
] as const;

for (const { name, topic, payload } of receiving) {
  test(`the transcript ${name} is answered with the very bytes and delivers the message once`, (t) => {
    const { sent, received } = replay(name, true, null);
    t.deepEqual(sent, ours(name));
    t.is(received.length, 1);
    const [message] = received;
    t.is(Buffer.from(message?.topic ?? []).toString(), topic);
    t.true(Buffer.from(payload).equals(message?.payload ?? Buffer.alloc(0)));
    t.is(message?.isReply, false);
  });
}

test('the read receipt of the transcript read-receipt turns received into read', (t) => {
  const { machine, states } = replay('send-short-with-topic', false, sending[0]);
  const [receipt] = packetsOf('read-receipt').packets;
  if (receipt === undefined) throw new Error('no receipt');
  const origin = { key: vectors.public['stockA'] as PublicKey, address: receipt.source };
  machine.packet(origin, receipt.destination, receipt.body, instant(2000));
  t.deepEqual(states, ['sending', 'received', 'read']);
  t.is(machine.status(receipt.body.toString('hex', 0, 8) as MessageId, instant(2000))?.state, 'read');
});

test('a message that is given up is sent with the very bytes of the transcript abort', (t) => {
  const init = Buffer.from(ours('abort')[0] ?? '', 'hex');
  const { machine, sent, states } = replay('abort', false, { payload: new Uint8Array(init.readUInt32BE(16)) });
  machine.abort(init.toString('hex', 0, 8) as MessageId, instant(2000));
  const bare = sent.filter((packet) => packet.slice(16, 20) !== '1000');
  t.deepEqual(bare, ours('abort'));
  t.deepEqual(states, ['sending', 'aborted']);
});

test('a question is received and its reply sent with the very bytes of the transcript request-and-reply', (t) => {
  const name = 'request-and-reply';
  const { packets, peer } = packetsOf(name);
  const sent: string[] = [];
  const received: ReceivedMessage[] = [];
  const states: MessageState[] = [];
  const now = instant(0);
  const sink = {
    transmit: (_to: Address, body: Uint8Array) => sent.push(Buffer.from(body).toString('hex')),
    gathering: () => undefined,
    hasRoom: () => true,
    received: (message: ReceivedMessage) => received.push(message),
    admit: () => true,
  };
  const random: Random = { bytes: (length) => new Uint8Array(length), fraction: () => 0.5 };
  const machine = new MessageMachine({ sendAhead: false }, sink, random);
  const stock = packets.filter((packet) => packet.from === 'stock');
  const answer = packets.filter((packet) => packet.from === 'us')[4]?.body.subarray(36) ?? Buffer.alloc(0);
  for (const packet of stock) {
    const origin = { key: vectors.public[peer] as PublicKey, address: packet.source };
    machine.packet(origin, packet.destination, packet.body, now);
    const [question] = received;
    if (question === undefined || states.length > 0) continue;
    states.push('pending');
    const changed = (state: MessageState): void => {
      states.push(state);
    };
    const reply = { to: question.fromAddress, topic: new Uint8Array(0), payload: answer, replyTo: question.id };
    machine.send({ ...reply, deadlineMs: null, changed }, question.fromAddress, now);
  }
  t.is(Buffer.from(received[0]?.payload ?? []).toString(), 'question?');
  t.deepEqual(sent, ours(name));
  t.deepEqual(states, ['pending', 'sending', 'received']);
});
