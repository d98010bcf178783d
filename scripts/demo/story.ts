import { readingsPerSecond, type Scene } from './scene.ts';

/** Tells what happens, and what came of it. */
export type Tell = (event: string, outcome?: string) => void;

/** What befalls the two gateways, in about 35 seconds. */
export async function story(scene: Scene, tell: Tell, stopped: AbortSignal): Promise<void> {
  await scene.start();
  tell(`both gateways serve; the sensor sends ${readingsPerSecond} readings a second, QoS 2`);
  await pause(4_000, stopped);
  await frozenLink(scene, tell, stopped);
  await pause(2_000, stopped);
  await killed(scene, 'gateway', tell, stopped);
  await pause(2_000, stopped);
  await killed(scene, 'hub', tell, stopped);
  await pause(2_000, stopped);
  await killedWithBacklog(scene, tell, stopped);
  await pause(2_000, stopped);
  scene.endMeasuring();
  tell('the sensor stops; what is on its way arrives');
  await Promise.race([scene.subscriber.progress.until(() => scene.settled), pause(12_000, stopped)]);
}

async function frozenLink(scene: Scene, tell: Tell, stopped: AbortSignal): Promise<void> {
  scene.freeze();
  tell('the link freezes: the hub stands still (SIGSTOP)');
  await pause(5_000, stopped);
  scene.thaw();
  await caughtUp(scene, 'the hub goes on', tell, stopped);
}

const titles = { gateway: 'the gateway', hub: 'the hub' } as const;

async function killed(scene: Scene, which: 'gateway' | 'hub', tell: Tell, stopped: AbortSignal): Promise<void> {
  await scene.kill(which);
  tell(`${titles[which]} is killed (SIGKILL)`);
  await pause(2_000, stopped);
  await scene.restart(which);
  await caughtUp(scene, `${titles[which]} is back`, tell, stopped);
}

async function killedWithBacklog(scene: Scene, tell: Tell, stopped: AbortSignal): Promise<void> {
  scene.freeze();
  tell('the link freezes again');
  await pause(3_000, stopped);
  await scene.kill('gateway');
  tell(`the gateway is killed (SIGKILL), ${scene.backlog} readings only on its disk`);
  await pause(1_500, stopped);
  await scene.restart('gateway');
  tell('the gateway is back; the hub is still frozen');
  await pause(1_500, stopped);
  scene.thaw();
  await caughtUp(scene, 'the hub goes on', tell, stopped);
}

/** Waits until next to nothing is on its way (ten seconds at most), and says how long that took. */
async function caughtUp(scene: Scene, event: string, tell: Tell, stopped: AbortSignal): Promise<void> {
  const waiting = scene.waiting;
  const startedAt = performance.now();
  tell(event);
  const near = (): boolean => scene.sensor.connection.connected && scene.waiting <= readingsPerSecond / 10;
  await Promise.race([scene.subscriber.progress.until(near), pause(10_000, stopped)]);
  const ms = performance.now() - startedAt;
  tell(
    '',
    near() ? `${waiting} readings caught up in ${(ms / 1000).toFixed(1)} s` : `${scene.waiting} readings behind`,
  );
}

function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stopped.removeEventListener('abort', stop);
      resolve();
    }, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(new Error('stopped'));
    };
    if (stopped.aborted) stop();
    else stopped.addEventListener('abort', stop, { once: true });
  });
}
