import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { AgentProcess } from '../load/agent-process.ts';
import type { Aim } from './aim.ts';
import { arrivedAtHub, askAudits, examine, settledAtGateway, unanswered } from './evidence.ts';
import { Rig } from './rig.ts';

const publishers = 20;
const readings = 20_000;
const each = 5;

/** What befalls the two agents, one step after the other, under a stream of readings that never stops. */
const steps: readonly ((t: ExecutionContext, rig: Rig, count: number, turn: number) => Promise<void>)[] = [
  syncToPuback,
  farSyncToAck,
  ackToCursor,
  drain,
  linkClosed,
  farFrozen,
];
const slice = Math.ceil(readings / (steps.length * each + 1) / publishers) * publishers;

for (const qos of [1, 2] as const)
  test.serial(title(qos), async (t) => {
    const rig = await Rig.create({ qos, publishers, ring: 'size = "512MB", commit = "5ms"' });
    let kept = true;
    try {
      await rig.start();
      await rig.archive();
      for (let turn = 0; turn < each; turn++)
        for (const step of steps) {
          await step(t, rig, slice, turn);
          t.log(`${turn + 1}. ${step.name}: ${rig.words()}`);
        }
      rig.publish(slice);
      await rig.arrived();
      account(t, rig, qos);
      await rig.settled();
      const audits = await askAudits(rig);
      await rig.stop();
      t.deepEqual(examine(rig, audits).slice(0, 20), []);
      kept = false;
    } finally {
      if (kept) t.log(`left for whoever looks: ${rig.directory}`);
      await rig.clear(kept);
    }
  });

function title(qos: 1 | 2): string {
  const promise =
    qos === 1
      ? 'every reading that got its PUBACK arrives, in order; a copy carries DUP or is a resend of its publisher'
      : 'with QoS 2 and persistent sessions throughout every reading arrives once and in order';
  return `either agent killed 20 times, the link closed and frozen: ${promise}`;
}

function account(t: ExecutionContext, rig: Rig, qos: 1 | 2): void {
  const found = rig.account;
  t.log(JSON.stringify({ ...found, kills: rig.gateway.starts + rig.hub.starts - 2 }));
  t.true(found.sent >= readings);
  t.like(found, { acknowledged: found.sent, delivered: found.sent, lost: 0, doubled: 0, outOfOrder: 0, invented: 0 });
  if (qos === 2) t.is(found.copies, 0);
  t.true(rig.gateway.starts + rig.hub.starts - 2 >= 4 * each);
  for (const { log } of rig.publishers) t.is(log.rejected, 0, log.topic);
  t.is(rig.subscriber.log.sessionsForgotten, 0);
}

/** The near agent has synced readings, and their publishers have not heard of it: they stand in the ring unanswered. */
function syncToPuback(t: ExecutionContext, rig: Rig, count: number, turn: number): Promise<void> {
  const aim: Aim = { at: 'after-sync', skip: turn };
  return killUntilHit(t, rig, rig.gateway, aim, count, async () => unanswered(rig) > 0);
}

/** The far agent has stored what came, and the near one has not heard of it. */
function farSyncToAck(t: ExecutionContext, rig: Rig, count: number, turn: number): Promise<void> {
  const aim: Aim = turn % 2 === 0 ? { at: 'stored', skip: turn } : { at: 'after-sync', skip: turn % 3 };
  return killUntilHit(t, rig, rig.hub, aim, count, async () => {
    const acknowledged = ((await rig.gateway.ask('links')) as { delivered: number }[])[0]?.delivered ?? 0;
    return arrivedAtHub(rig) > acknowledged;
  });
}

/** The near agent knows that the far one has them, and its cursor on disk does not. */
function ackToCursor(t: ExecutionContext, rig: Rig, count: number, turn: number): Promise<void> {
  const aim: Aim = { at: 'acked', skip: 2 * turn };
  return killUntilHit(t, rig, rig.gateway, aim, count, async () => arrivedAtHub(rig) > settledAtGateway(rig));
}

/** Not every sync is one of readings: a death that left nothing of what it was aimed at is tried again. */
async function killUntilHit(
  t: ExecutionContext,
  rig: Rig,
  agent: AgentProcess,
  aim: Aim,
  count: number,
  isHit: () => Promise<boolean>,
): Promise<void> {
  for (let left = 8; left > 0; left--) {
    let hit = false;
    await rig.killAt(agent, aim, count / 2, async () => {
      hit = await isHit();
    });
    if (hit) {
      rig.publish(count / 2);
      return;
    }
  }
  t.fail(`no death of ${agent.name} at ${aim.at} left what it was aimed at`);
}

/** A backlog is on its way after an outage; each end dies in its turn, at its first batch, its second or its third. */
async function drain(_: ExecutionContext, rig: Rig, count: number, turn: number): Promise<void> {
  await rig.relay.close();
  rig.publish(count);
  await rig.acknowledged();
  const far = turn % 2 === 1;
  const aim: Aim = { at: far ? 'stored' : 'acked', skip: turn >> 1 };
  const dead = rig.killAt(far ? rig.hub : rig.gateway, aim, 0);
  await rig.relay.reopen();
  await dead;
}

async function linkClosed(_: ExecutionContext, rig: Rig, count: number): Promise<void> {
  rig.publish(count / 2);
  rig.relay.cut();
  rig.publish(count / 2);
  await pause(200);
  rig.relay.cut();
}

/** The last time for longer than the overlay waits before it gives a silent link up. */
async function farFrozen(_: ExecutionContext, rig: Rig, count: number, turn: number): Promise<void> {
  rig.publish(count / 2);
  rig.hub.signal('SIGSTOP');
  rig.publish(count / 2);
  await pause(turn === each - 1 ? 9_000 : 1_000);
  rig.hub.signal('SIGCONT');
}
