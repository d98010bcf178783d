import type { FastifyInstance, FastifyReply } from 'fastify';
import { AgentError } from '#kernel';
import type { guardToken } from './guard.ts';
import type { ApiOptions } from './types.ts';

/** `GET /backup`: the state of this node, without keys and configuration, as it is now. One at a time. */
export function backupRoutes(
  app: FastifyInstance,
  { backup, log }: ApiOptions,
  guarded: { readonly preHandler: ReturnType<typeof guardToken> },
): void {
  let busy = false;
  app.get('/backup', guarded, async (_, reply) => {
    if (busy) throw new AgentError('api/busy', 'retry', 'backup: one is being made, wanted one at a time');
    busy = true;
    try {
      await pour(backup(), reply);
    } catch (error) {
      // The reader notices that it has been cut short.
      log.warn('backup-failed', { why: error instanceof Error ? error.message : 'unknown' });
      reply.raw.destroy();
    } finally {
      busy = false;
    }
  });
}

/** As fast as the reader takes it. */
async function pour(pieces: AsyncIterable<Uint8Array>, reply: FastifyReply): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
  for await (const piece of pieces) {
    if (raw.destroyed) return;
    if (raw.write(piece)) continue;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        raw.off('drain', done);
        raw.off('close', done);
        resolve();
      };
      raw.once('drain', done);
      raw.once('close', done);
    });
  }
  raw.end();
}
