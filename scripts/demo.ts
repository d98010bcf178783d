import { accountLines, isClean } from './demo/account.ts';
import { paintFor } from './demo/paint.ts';
import { Scene } from './demo/scene.ts';
import { Screen } from './demo/screen.ts';
import { Show } from './demo/show.ts';
import { story } from './demo/story.ts';

/**
 * `scripts/up --demo`: two gateways, a sensor and a subscriber on this machine; the link freezes, gateways are killed, and
 * the account is drawn up. Exit code 0 only if nothing is lost, doubled or out of order; 130 when interrupted.
 */
const live = process.stdout.isTTY === true;
const paint = paintFor(live && process.env['NO_COLOR'] === undefined);
const interruption = new AbortController();
const scene = await Scene.create();
const screen = new Screen(process.stdout);
const show = new Show(scene, screen, paint, live);

process.on('exit', () => {
  scene.abandon();
  screen.close();
});
process.stdout.on('error', () => interruption.abort());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());

process.exitCode = await tellStory();
await scene.close();

async function tellStory(): Promise<number> {
  try {
    await story(scene, (event, outcome) => show.tell(event, outcome), interruption.signal);
  } catch (error) {
    show.close();
    if (interruption.signal.aborted) return 130;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
  show.close();
  const account = scene.account;
  const auditsAddUp = await scene.auditsAddUp().catch(() => false);
  for (const line of accountLines(account, auditsAddUp, paint)) console.log(line);
  return isClean(account) && auditsAddUp ? 0 : 1;
}
