import type { FastifyReply } from 'fastify';

/** Told when whoever waits for an answer has it, or has gone. */
export type Left = (leave: () => void) => void;

/** One listener on the connection, however many wait behind it (a batch). */
export function whenGone({ raw }: FastifyReply): Left {
  const leaves: (() => void)[] = [];
  raw.once('close', () => {
    for (const leave of leaves) leave();
  });
  return (leave) => {
    if (raw.destroyed) leave();
    else leaves.push(leave);
  };
}
