import type { Address, Log, PublicKey } from '#kernel';
import type { MessageId, ReceivedMessage } from '#overlay';
import { Chance, SimulatedDisk, World } from '#sim';
import { Inbox, type InboxLimits } from '../../agent/api/inbox/inbox.ts';

export const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };

const roomy: InboxLimits = { messages: 1000, bytes: 16_777_216, waiters: 64 };

/** An inbox on a simulated disk. */
export class InboxBench {
  readonly world: World;
  readonly disk: SimulatedDisk;

  constructor(seed: number, disk?: (world: World) => SimulatedDisk) {
    this.world = new World(seed);
    this.disk = disk?.(this.world) ?? new SimulatedDisk(this.world);
  }

  async open(limits: Partial<InboxLimits> = {}): Promise<Inbox> {
    const clock = this.world.clock({ alive: true, wallOffsetMs: 0 });
    const inbox = new Inbox({
      clock,
      disk: this.disk,
      log: quiet,
      directory: '/inbox',
      limits: { ...roomy, ...limits },
    });
    await this.through(inbox.open());
    return inbox;
  }

  /** Lets simulated time pass until `work` has settled. */
  async through<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    work.then(settled, settled);
    await this.world.run(this.world.now + 3_600_000, () => isSettled);
    return work;
  }

  async add(inbox: Inbox, message: ReceivedMessage): Promise<boolean> {
    const isStored = await this.through(inbox.store(message));
    if (isStored) inbox.offer(message);
    return isStored;
  }

  take(
    inbox: Inbox,
    wanted: { topic?: string; peek?: boolean; waitMs?: number } = {},
  ): Promise<ReceivedMessage | null> {
    const { topic, peek = false, waitMs = 0 } = wanted;
    const asked = { topic: topic === undefined ? null : Buffer.from(topic), peek };
    return inbox.wait(asked, waitMs as never, () => undefined);
  }

  async all(inbox: Inbox): Promise<ReceivedMessage[]> {
    const found: ReceivedMessage[] = [];
    for (let next = await this.through(this.take(inbox)); next !== null; next = await this.through(this.take(inbox)))
      found.push(next);
    return found;
  }
}

/** A message that says in its payload which one it is. */
export function messageOf(number: number, topic = '', bytes = 20): ReceivedMessage {
  return {
    id: number.toString(16).padStart(16, '0') as MessageId,
    from: 'ab'.repeat(32) as PublicKey,
    fromAddress: '04'.repeat(16) as Address,
    toAddress: '05'.repeat(16) as Address,
    topic: Buffer.from(topic),
    payload: Buffer.from(`${number}`.padEnd(bytes, '.')),
    isReply: false,
  };
}

export const numberOf = ({ payload }: ReceivedMessage): number => Number.parseInt(Buffer.from(payload).toString(), 10);

export { Chance };
