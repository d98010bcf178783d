import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Aim } from './aim.ts';
import { Rig } from './rig.ts';

const publishers = 20;
const readings = 20_000;
const each = 5;

/** What befalls the two agents, one step after the other, under a stream of readings that never stops. */
const steps: readonly ((rig: Rig, count: number, turn: number) => Promise<void>)[] = [
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
    const rig = await Rig.create({ qos, publishers });
    let kept = true;
    try {
      await rig.start();
      for (let turn = 0; turn < each; turn++)
        for (const step of steps) {
          await step(rig, slice, turn);
          t.log(`${turn + 1}. ${step.name}: ${rig.words()}`);
        }
      rig.publish(slice);
      await rig.arrived();
      account(t, rig, qos);
      await rig.stop();
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

/** The near agent has synced readings, and their publishers have not heard of it. */
function syncToPuback(rig: Rig, count: number, turn: number): Promise<void> {
  return rig.killAt(rig.gateway, { at: 'after-sync', skip: turn }, count);
}

/** The far agent has stored what came, and the near one has not heard of it. */
function farSyncToAck(rig: Rig, count: number, turn: number): Promise<void> {
  return rig.killAt(rig.hub, { at: turn % 2 === 0 ? 'stored' : 'after-sync', skip: turn % 3 }, count);
}

/** The near agent knows that the far one has them, and its cursor on disk does not. */
function ackToCursor(rig: Rig, count: number, turn: number): Promise<void> {
  return rig.killAt(rig.gateway, { at: 'acked', skip: turn % 3 }, count);
}

/** A backlog is on its way after an outage; each end dies in its turn. */
async function drain(rig: Rig, count: number, turn: number): Promise<void> {
  await rig.relay.close();
  rig.publish(count);
  await rig.acknowledged();
  const far = turn % 2 === 1;
  const aim: Aim = { at: far ? 'stored' : 'acked', skip: 0 };
  const agent = far ? rig.hub : rig.gateway;
  agent.send(aim);
  await rig.relay.reopen();
  await rig.revive(agent, `${agent.name} dead while the backlog drains`);
}

async function linkClosed(rig: Rig, count: number): Promise<void> {
  rig.publish(count / 2);
  rig.relay.cut();
  rig.publish(count / 2);
  await pause(200);
  rig.relay.cut();
}

async function farFrozen(rig: Rig, count: number): Promise<void> {
  rig.publish(count / 2);
  rig.hub.signal('SIGSTOP');
  rig.publish(count / 2);
  await pause(1_000);
  rig.hub.signal('SIGCONT');
}
