import test, { type ExecutionContext } from 'ava';
import { Chance, SimulatedDisk, World } from '#sim';
import { type Account, audit } from '../load/audit.ts';
import { Publisher } from '../load/publisher.ts';
import { Subscriber } from '../load/subscriber.ts';
import { type Bench, type BenchOptions, bench } from './kit.ts';

/** Of each publisher, between two crashes. */
const share = 100;
const publishers = 3;
const crashes = Number(process.env['CRASHES'] ?? 12);
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Crashes at moments that chance picks among the disk's writes and syncs, while readings flow, until all have come. */
async function flow(t: ExecutionContext, at: Bench, qos: 1 | 2, crashes: number): Promise<Account> {
  const chance = new Chance(seed);
  t.log(`SEED=${seed}`);
  const common = { port: at.port, qos, clean: false, keepAliveSeconds: 10 };
  const subscriber = new Subscriber({ ...common, version: 5, clientId: 'hub', filter: 'plant/#' });
  subscriber.start();
  await subscriber.subscribed();
  const sensors = Array.from(
    { length: publishers },
    (_, publisher) =>
      new Publisher({
        ...common,
        version: publisher % 2 === 0 ? 4 : 5,
        clientId: `sensor-${publisher}`,
        publisher,
        topic: `plant/${publisher}`,
        payloadBytes: 64,
        window: 20,
      }),
  );
  for (const sensor of sensors) sensor.start();
  const allFinished = () => Promise.all(sensors.map((sensor) => sensor.progress.until(() => sensor.finished)));
  for (let crash = 0; crash < crashes; crash++) {
    for (const sensor of sensors) sensor.publish(share);
    await Promise.race([at.disk.dieAfter(chance.between(1, 60)), allFinished()]);
    await at.crash();
    await at.start();
  }
  for (const sensor of sensors) sensor.publish(share);
  await allFinished();
  const logs = sensors.map((sensor) => sensor.log);
  const account = () => audit(logs, subscriber.log, (topic) => topic);
  const sent = publishers * share * (crashes + 1);
  const arrived = subscriber.progress.until(() => subscriber.log.count >= sent && account().delivered === sent);
  await Promise.race([arrived, giveUp(t, 30_000)]);
  await Promise.all([subscriber.stop(), ...sensors.map((sensor) => sensor.stop())]);
  t.is(subscriber.log.sessionsForgotten, 0);
  return account();
}

/** What is lost never comes: the account says so. */
function giveUp(t: ExecutionContext, afterMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, afterMs);
    t.teardown(() => clearTimeout(timer));
  });
}

/** A simulated disk that keeps step with the real clock; a crash is a power cut: what was not synced is kept or lost. */
function cutMedium(t: ExecutionContext): NonNullable<BenchOptions['medium']> {
  const world = new World(seed);
  const disk = new SimulatedDisk(world);
  let running = false;
  const pulse = setInterval(() => {
    if (running) return;
    running = true;
    void world.run(world.now + 4).finally(() => {
      running = false;
    });
  }, 1);
  t.teardown(() => clearInterval(pulse));
  return { disk, cut: () => disk.powerCut() };
}

for (const how of ['killed', 'cut from power'] as const) {
  for (const qos of [1, 2] as const) {
    test.serial(
      `QoS ${qos} through a broker that is ${how} again and again: nothing lost, out of order or doubled`,
      async (t) => {
        const at = await bench(t, how === 'killed' ? {} : { medium: cutMedium(t) });
        const account = await flow(t, at, qos, crashes);
        t.like(account, { doubled: 0, outOfOrder: 0, lost: 0, invented: 0 });
        if (qos === 2) t.is(account.copies, 0);
      },
    );
  }
}
