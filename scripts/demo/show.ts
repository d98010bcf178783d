import { LinkWatch } from './link-watch.ts';
import type { Paint } from './paint.ts';
import { type Frame, picture, type StoryLine, seconds, storyLine } from './picture.ts';
import type { Scene } from './scene.ts';
import type { Screen } from './screen.ts';

const frameEveryMs = 100;
const plainEveryMs = 2_000;

/** Shows the scene: a live table on a terminal, plain lines elsewhere. */
export class Show {
  readonly #scene: Scene;
  readonly #screen: Screen;
  readonly #paint: Paint;
  readonly #live: boolean;
  readonly #link: LinkWatch;
  readonly #startedAt = performance.now();
  readonly #events: StoryLine[] = [];
  readonly #history: number[] = [];
  readonly #timer: NodeJS.Timeout;
  #ticks = 0;

  constructor(scene: Scene, screen: Screen, paint: Paint, live: boolean) {
    this.#scene = scene;
    this.#screen = screen;
    this.#paint = paint;
    this.#live = live;
    this.#link = new LinkWatch(scene.gateway);
    this.#timer = setInterval(() => this.#tick(), live ? frameEveryMs : plainEveryMs);
  }

  /** An event, or (with an empty text) what came of the last one. */
  tell(text: string, outcome = ''): void {
    const last = this.#events.at(-1);
    const line = { atMs: performance.now() - this.#startedAt, text, outcome };
    if (text === '' && last !== undefined) this.#events[this.#events.length - 1] = { ...last, outcome };
    else this.#events.push(line);
    if (!this.#live) console.log(storyLine(text === '' ? { ...line, text: ' ' } : line, this.#paint));
  }

  /** One last frame, then no more. */
  close(): void {
    clearInterval(this.#timer);
    this.#link.stop();
    if (this.#live) this.#tick();
  }

  #tick(): void {
    const frame = this.#frame();
    if (this.#live) this.#screen.draw(picture(frame, this.#paint, this.#screen.rows));
    else console.log(plain(frame));
    if (this.#ticks++ % 7 === 0) this.#history.push(frame.backlog);
  }

  #frame(): Frame {
    const { sensor, subscriber, conditions, backlog } = this.#scene;
    return {
      elapsedMs: performance.now() - this.#startedAt,
      sent: sensor.log.sent,
      stored: sensor.log.acknowledged,
      crossing: this.#link.state?.inFlight ?? 0,
      delivered: subscriber.log.count,
      backlog,
      link: this.#linkWords(),
      gateway: conditions.gateway,
      hub: conditions.hub,
      history: this.#history,
      events: this.#events,
    };
  }

  #linkWords(): string {
    const state = this.#link.state;
    if (state === null) return this.#scene.conditions.gateway === 'alive' ? '–' : 'down';
    const silentMs = state.lastAckAgoMs ?? 0;
    if (this.#scene.backlog > 0 && silentMs > 500) return `silent ${seconds(silentMs)}`;
    return state.roundTripMs === null ? 'up' : `up, ${state.roundTripMs.toFixed(1)} ms`;
  }
}

function plain(frame: Frame): string {
  const { sent, stored, crossing, delivered, backlog, link } = frame;
  const figures = `sent ${sent}  stored ${stored}  crossing ${crossing}  delivered ${delivered}  backlog ${backlog}`;
  return `  ${seconds(frame.elapsedMs).padStart(7)}  ${figures}  link ${link}`;
}
