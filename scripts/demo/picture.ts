import type { Paint } from './paint.ts';
import type { Condition } from './scene.ts';

/** Everything that one frame shows. */
export interface Frame {
  readonly elapsedMs: number;
  readonly sent: number;
  readonly stored: number;
  readonly crossing: number;
  readonly delivered: number;
  readonly backlog: number;
  readonly link: string;
  readonly gateway: Condition;
  readonly hub: Condition;
  /** Backlog over time, oldest first. */
  readonly history: readonly number[];
  readonly events: readonly StoryLine[];
}

export interface StoryLine {
  readonly atMs: number;
  readonly text: string;
  readonly outcome: string;
}

/** The frame as lines of at most 79 columns and at most `rows` lines. */
export function picture(frame: Frame, paint: Paint, rows: number): string[] {
  const head = [
    '',
    `  ${paint.bold('hypha')}  ${paint.dim('readings cross an encrypted overlay, and none is lost')}${clock(frame, paint)}`,
    '',
    ...road(frame, paint),
    '',
    paint.dim(columns.map(([title, width]) => title.padStart(width)).join('')),
    paint.bold(columns.map(([, width, value]) => value(frame).padStart(width)).join('')),
    '',
    `    ${paint.dim('backlog')}  ${paint.yellow(spark(frame.history, 60))}`,
    '',
  ];
  const room = Math.max(1, rows - head.length - 1);
  return [...head, ...frame.events.slice(-room).map((line) => storyLine(line, paint))];
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const count = (value: number): string => value.toLocaleString('en-US');

const clock = (frame: Frame, paint: Paint): string => paint.dim(seconds(frame.elapsedMs).padStart(17));

const columns: readonly (readonly [title: string, width: number, value: (frame: Frame) => string])[] = [
  ['sent', 12, (frame) => count(frame.sent)],
  ['stored', 11, (frame) => count(frame.stored)],
  ['crossing', 12, (frame) => count(frame.crossing)],
  ['delivered', 13, (frame) => count(frame.delivered)],
  ['backlog', 11, (frame) => count(frame.backlog)],
  ['link', 18, (frame) => frame.link],
];

/** sensor ──▶ gateway ══▶ hub ──▶ subscriber, with who is alive. */
function road(frame: Frame, paint: Paint): string[] {
  const crossing = frame.gateway === 'alive' && frame.hub === 'alive';
  const tunnel = crossing ? paint.green('═══ Mycelium ═══▶') : paint.red('── ─ ─  ·  ─ ─ ──');
  const near = frame.gateway === 'alive' ? paint.green('──MQTT──▶') : paint.red('── ─  · ·');
  const far = frame.hub === 'alive' ? paint.green('──MQTT──▶') : paint.red('── ─  · ·');
  const dots = [
    `${paint.green('●')} sensor`,
    near,
    `${dot(frame.gateway, paint)} gateway`,
    tunnel,
    `${dot(frame.hub, paint)} hub`,
    far,
    `${paint.green('●')} subscriber`,
  ];
  const words = `${' '.repeat(24)}${state(frame.gateway).padEnd(28)}${state(frame.hub)}`;
  return [`   ${dots.join(' ')}`, paint.dim(words)];
}

function state(condition: Condition): string {
  return { starting: 'starting', alive: 'disk ring', frozen: 'FROZEN', dead: 'KILLED' }[condition];
}

function dot(condition: Condition, paint: Paint): string {
  if (condition === 'alive') return paint.green('●');
  return condition === 'dead' ? paint.red('✖') : paint.yellow('◌');
}

const bars = '▁▂▃▄▅▆▇█';

/** The last `width` values as a row of bars, the highest of them at full height. */
function spark(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const highest = Math.max(40, ...shown);
  return shown.map((value) => bars[Math.min(7, Math.round((value / highest) * 7))]).join('');
}

export function storyLine(line: StoryLine, paint: Paint): string {
  const outcome = line.outcome === '' ? '' : paint.green(` → ${line.outcome}`);
  return `  ${paint.dim(seconds(line.atMs).padStart(7))}  ${line.text}${outcome}`;
}
