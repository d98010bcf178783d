import { identityOf } from '#crypto';
import type { Log } from '#kernel';
import { createOverlay } from '#overlay';
import { realEnv } from '#platform';
import type { Answer, Question, Setting } from './talk.ts';

/** A node of ours as a process of its own, so that it can live in a network namespace. It is talked to over IPC. */
const setting: Setting = JSON.parse(process.argv[2] ?? '{}');
const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };
const overlay = createOverlay(realEnv(quiet), identityOf(Buffer.from(setting.secretKey, 'hex')), {
  listen: [{ host: '::', port: setting.port }],
  transit: true,
  admit: () => true,
  received: ({ id, from, payload }) => {
    overlay.markRead(id);
    tell({ kind: 'received', from, text: Buffer.from(payload).toString() });
  },
  peers: setting.peers,
  ...setting.options,
});

function tell(answer: Answer): void {
  process.send?.(answer);
}

process.on('message', (question: Question) => {
  if (question.kind === 'status') return tell({ kind: 'status', counters: overlay.counters, routes: overlay.routes() });
  overlay.send({
    to: question.to,
    topic: new Uint8Array(0),
    payload: Buffer.from(question.text),
    replyTo: null,
    deadlineMs: null,
    changed: (state) => tell({ kind: 'state', text: question.text, state }),
  });
});
process.once('disconnect', () => process.exit(0));
await overlay.start();
tell({ kind: 'ready' });
