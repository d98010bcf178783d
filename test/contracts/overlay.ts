import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import type { MessageState, OutgoingMessage, Overlay, OverlayOptions, ReceivedMessage } from '#overlay';

/** What a test may change of how a node takes messages. */
export interface Taking {
  admit: OverlayOptions['admit'];
  store: NonNullable<OverlayOptions['store']>;
}

export interface OverlayUnderTest {
  readonly overlay: Overlay;
  readonly taking: Taking;
  readonly received: readonly ReceivedMessage[];
}

/** Two nodes, started, each the other's neighbour. Both read the topic `contractTopic` and messages without a topic. */
export interface OverlayPair {
  readonly near: OverlayUnderTest;
  readonly far: OverlayUnderTest;
}

export const contractTopic = Buffer.from('contract');
const none = new Uint8Array(0);

interface Sending {
  readonly id: string | null;
  readonly states: MessageState[];
}

function send({ overlay }: OverlayUnderTest, to: Overlay, payload: Uint8Array, more: Partial<OutgoingMessage> = {}) {
  const states: MessageState[] = [];
  const changed = (state: MessageState): void => void states.push(state);
  const plain = { to: to.publicKey, topic: contractTopic, payload, replyTo: null, deadlineMs: null };
  const id = overlay.send({ ...plain, ...more, changed });
  return { id, states } satisfies Sending;
}

const isDelivered = ({ states }: Sending): boolean => states.includes('received') || states.includes('read');

/** A length that crosses, whatever stands at the other end. */
const lengthThere = ({ overlay }: OverlayUnderTest, length: number): number =>
  overlay.payloadLength?.(length) ?? length;

/** Waits for it, looking every few milliseconds; the test's own time limit ends what never comes. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What every implementation of `Overlay` promises, of both ends of a pair. */
export function overlayContract(
  test: { readonly serial: (title: string, run: (t: ExecutionContext) => Promise<void>) => void },
  name: string,
  make: (t: ExecutionContext) => Promise<OverlayPair>,
): void {
  const promise = (title: string, run: (t: ExecutionContext, pair: OverlayPair) => Promise<void>): void =>
    test.serial(`${name}: ${title}`, async (t) => {
      t.timeout(60_000);
      await run(t, await make(t));
    });

  promise('a message of any length arrives with its topic and its sender, and its sender is told', async (t, pair) => {
    for (const [from, to] of [
      [pair.near, pair.far],
      [pair.far, pair.near],
    ] as const) {
      for (const length of [0, 1, 1300, lengthThere(from, 1301), 5000, lengthThere(from, 200_000)]) {
        const payload = randomBytes(length);
        const sending = send(from, to.overlay, payload);
        t.not(sending.id, null);
        await until(() => isDelivered(sending) && to.received.some((message) => payload.equals(message.payload)));
        const message = to.received.findLast((each) => payload.equals(each.payload));
        t.is(message?.from, from.overlay.publicKey);
        t.is(message?.fromAddress, from.overlay.address);
        t.is(Buffer.from(message?.topic ?? none).toString(), 'contract');
        t.false(message?.isReply);
        t.is(sending.states.filter((state) => state === 'received').length, 1);
      }
    }
  });

  promise('many messages at once arrive once each; what there is no room for is refused at once', async (t, pair) => {
    const { near, far } = pair;
    let count = 0;
    for (; count < 200; count++) if (send(near, far.overlay, Buffer.from(`${count}`)).id === null) break;
    t.true(count >= 32);
    await until(() => far.received.length >= count);
    const texts = far.received.map(({ payload }) => Number(Buffer.from(payload)));
    t.deepEqual(
      texts.sort((a, b) => a - b),
      Array.from({ length: count }, (_, index) => index),
    );
  });

  promise('a reply carries the id of what it answers, and is known as one', async (t, { near, far }) => {
    const question = send(near, far.overlay, Buffer.from('question?'), { topic: none });
    await until(() => far.received.length === 1);
    const [asked] = far.received;
    if (asked === undefined) return t.fail();
    const answer = send(far, near.overlay, Buffer.from('answer!'), { topic: none, replyTo: asked.id });
    t.not(answer.id, null);
    await until(() => near.received.length === 1);
    t.like(near.received[0], { id: question.id, isReply: true });
    t.is(Buffer.from(near.received[0]?.payload ?? none).toString(), 'answer!');
  });

  promise(
    'a message is given only after it is stored; what is not stored is offered again',
    async (t, { near, far }) => {
      let offers = 0;
      const { promise: stored, resolve: store } = Promise.withResolvers<boolean>();
      far.taking.store = () => (++offers === 1 ? Promise.resolve(false) : stored);
      const sending = send(near, far.overlay, Buffer.from('keep me'));
      await until(() => offers === 2);
      t.is(far.received.length, 0);
      store(true);
      await until(() => isDelivered(sending) && far.received.length === 1);
      t.is(offers, 2);
    },
  );

  promise('what is not admitted is not given', async (t, { near, far }) => {
    far.taking.admit = ({ lengthBytes }) => lengthBytes !== 3;
    send(near, far.overlay, Buffer.from('bad'));
    const good = send(near, far.overlay, Buffer.from('good'));
    await until(() => isDelivered(good) && far.received.length === 1);
    t.is(Buffer.from(far.received[0]?.payload ?? none).toString(), 'good');
  });

  promise('what is aborted, late or overtaken by the end is told so once, and nothing after', async (t, { near }) => {
    const nobody = { publicKey: 'ab'.repeat(32) } as Overlay;
    const aborted = send(near, nobody, Buffer.from('a'));
    near.overlay.abort(aborted.id as never);
    const late = send(near, nobody, Buffer.from('b'), { deadlineMs: 100 });
    await until(() => late.states.includes('aborted'));
    // To another: a daemon is not given more than two in vain.
    const last = send(near, { publicKey: 'cd'.repeat(32) } as Overlay, Buffer.from('c'));
    await near.overlay.stop();
    for (const { id, states } of [aborted, late, last]) {
      t.not(id, null);
      t.is(states.filter((state) => state === 'aborted').length, 1);
      t.is(states.at(-1), 'aborted');
    }
  });

  promise('the neighbour is reachable, its key is known, and status tells of a message', async (t, { near, far }) => {
    await until(() => near.overlay.reachable(far.overlay.publicKey));
    const sending = send(near, far.overlay, Buffer.from('12345'));
    await until(() => isDelivered(sending));
    t.is(near.overlay.keyOf(far.overlay.address), far.overlay.publicKey);
    t.like(near.overlay.messageStatus(sending.id as never), { to: far.overlay.address, lengthBytes: 5 });
    t.is(near.overlay.messageStatus('0000000000000000' as never), undefined);
  });
}
