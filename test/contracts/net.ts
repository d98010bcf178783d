import type { ExecutionContext, TestFn } from 'ava';
import type { ByteLink, Endpoint, LinkEvents, Listener, Net } from '#kernel';

/** One network under test. `between` does what lets queued events happen (real: nothing; simulated: turns the world). */
export interface NetUnderTest {
  readonly net: Net;
  /** An address to listen on, port 0. */
  readonly local: Endpoint;
  /** Where nobody listens. */
  readonly deaf: Endpoint;
  /** Lets time pass until `done` holds; rejects if it never does. */
  until(done: () => boolean): Promise<void>;
}

/** A link end that writes down what happened to it. */
export class Recorder implements LinkEvents {
  readonly history: string[] = [];
  readonly chunks: Uint8Array[] = [];
  cause: Error | null = null;
  inCall = false;
  calledInside = false;
  bytes = 0;

  opened(): void {
    this.#note('opened');
  }
  received(bytes: Uint8Array): void {
    if (this.history.at(-1) !== 'received') this.#note('received');
    this.chunks.push(bytes);
    this.bytes += bytes.length;
  }
  drained(): void {
    this.#note('drained');
  }
  closed(cause: Error | null): void {
    this.cause = cause;
    this.#note('closed');
  }
  get isClosed(): boolean {
    return this.history.includes('closed');
  }
  text(): string {
    return Buffer.concat(this.chunks).toString();
  }
  #note(what: string): void {
    if (this.inCall) this.calledInside = true;
    this.history.push(what);
  }
  /** Runs `act` and notes whether this end was called back meanwhile. */
  watch<T>(act: () => T): T {
    this.inCall = true;
    try {
      return act();
    } finally {
      this.inCall = false;
    }
  }
}

interface Pair {
  readonly near: ByteLink;
  readonly nearEnd: Recorder;
  readonly far: ByteLink;
  readonly farEnd: Recorder;
  readonly listener: Listener;
}

async function connect(under: NetUnderTest): Promise<Pair> {
  const farEnd = new Recorder();
  let far: ByteLink | undefined;
  const listener = await under.net.listen(under.local, (link) => {
    far = link;
    return farEnd;
  });
  const nearEnd = new Recorder();
  const near = nearEnd.watch(() => under.net.dial(listener.at, nearEnd));
  await under.until(() => far !== undefined && nearEnd.history.length > 0);
  if (far === undefined) throw new Error('no incoming link');
  return { near, nearEnd, far, farEnd, listener };
}

async function finish(under: NetUnderTest, pair: Pair): Promise<void> {
  pair.near.destroy();
  pair.far.destroy();
  await under.until(() => pair.nearEnd.isClosed && pair.farEnd.isClosed);
  await pair.listener.close();
}

/** What every implementation of `Net` promises. */
export function netContract(test: TestFn, name: string, make: () => NetUnderTest): void {
  const promise = (title: string, run: (t: ExecutionContext, under: NetUnderTest) => Promise<void>) =>
    test(`${name}: ${title}`, (t) => run(t, make()));

  promise('bytes arrive whole and in order, both ways', async (t, under) => {
    const pair = await connect(under);
    for (let index = 0; index < 100; index++) pair.near.write(Buffer.from(`${index},`));
    pair.far.write(Buffer.from('hello'));
    const wanted = Array.from({ length: 100 }, (_, index) => `${index},`).join('');
    await under.until(() => pair.farEnd.bytes === wanted.length && pair.nearEnd.bytes === 5);
    t.is(pair.farEnd.text(), wanted);
    t.is(pair.nearEnd.text(), 'hello');
    t.deepEqual(pair.nearEnd.history.slice(0, 2), ['opened', 'received']);
    t.false(pair.farEnd.history.includes('opened'), 'an incoming link is already open');
    await finish(under, pair);
  });

  promise('what is written before the link is open is queued', async (t, under) => {
    const farEnd = new Recorder();
    const listener = await under.net.listen(under.local, () => farEnd);
    const nearEnd = new Recorder();
    const near = under.net.dial(listener.at, nearEnd);
    near.write(Buffer.from('early'));
    t.is(near.queuedBytes, 5);
    await under.until(() => farEnd.bytes === 5);
    t.is(farEnd.text(), 'early');
    near.destroy();
    await under.until(() => nearEnd.isClosed && farEnd.isClosed);
    await listener.close();
  });

  promise('a link that never opened ends with one closed and its cause', async (t, under) => {
    const end = new Recorder();
    const link = end.watch(() => under.net.dial(under.deaf, end));
    await under.until(() => end.isClosed);
    t.deepEqual(end.history, ['closed']);
    t.true(end.cause instanceof Error);
    t.false(end.calledInside);
    t.false(link.write(Buffer.from('late')));
    link.destroy();
    link.end();
  });

  promise(
    'a far reader that pauses makes write return false, and drained follows when it reads on',
    async (t, under) => {
      const pair = await connect(under);
      pair.far.pause(true);
      const block = Buffer.alloc(262_144, 7);
      let written = 0;
      let full = false;
      while (!full && written < 256) {
        full = !pair.nearEnd.watch(() => pair.near.write(block));
        written++;
      }
      t.true(full);
      t.true(pair.near.queuedBytes > 0);
      t.is(pair.farEnd.bytes, 0);
      pair.far.pause(false);
      await under.until(() => pair.farEnd.bytes === written * block.length && pair.nearEnd.history.includes('drained'));
      t.is(pair.near.queuedBytes, 0);
      t.false(pair.nearEnd.calledInside);
      await finish(under, pair);
    },
  );

  promise('end sends what is queued, then both sides close in order', async (t, under) => {
    const pair = await connect(under);
    const block = Buffer.alloc(1_000_000, 3);
    pair.near.write(block);
    pair.nearEnd.watch(() => pair.near.end());
    await under.until(() => pair.farEnd.isClosed && pair.nearEnd.isClosed);
    t.is(pair.farEnd.bytes, block.length);
    t.is(pair.farEnd.cause, null);
    t.is(pair.nearEnd.cause, null);
    t.false(pair.nearEnd.calledInside);
    t.false(pair.near.write(block));
    await pair.listener.close();
  });

  promise('destroy ends with exactly one closed, later, and nothing after it', async (t, under) => {
    const pair = await connect(under);
    pair.far.write(Buffer.from('unread'));
    pair.nearEnd.watch(() => {
      pair.near.destroy();
      pair.near.destroy();
      pair.near.end();
      pair.near.pause(true);
    });
    t.false(pair.nearEnd.calledInside);
    await under.until(() => pair.nearEnd.isClosed && pair.farEnd.isClosed);
    t.deepEqual(pair.nearEnd.history, ['opened', 'closed']);
    t.is(pair.farEnd.history.filter((what) => what === 'closed').length, 1);
    await pair.listener.close();
  });

  promise('a taken port is refused with net/in-use', async (t, under) => {
    const first = await under.net.listen(under.local, () => new Recorder());
    t.true(first.at.port > 0, 'the real port is told');
    const error = await t.throwsAsync(() => under.net.listen(first.at, () => new Recorder()));
    t.is((error as Error & { code?: string }).code, 'net/in-use');
    await first.close();
    const again = await under.net.listen(first.at, () => new Recorder());
    await again.close();
  });

  promise('links stay open when their listener closes', async (t, under) => {
    const pair = await connect(under);
    await pair.listener.close();
    pair.near.write(Buffer.from('still here'));
    await under.until(() => pair.farEnd.bytes === 10);
    t.is(pair.farEnd.text(), 'still here');
    await finish(under, pair);
  });
}
