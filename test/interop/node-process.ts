import { randomBytes } from 'node:crypto';
import { identityOf } from '#crypto';
import type { Log } from '#kernel';
import { createOverlay } from '#overlay';
import { realEnv } from '#platform';

/**
 * A node of ours as a process of its own, so that it can run in a network namespace: `node-process.ts '{"discovery":true}'`.
 * Prints its public key, and then its peers and routes as a line of JSON whenever they have changed.
 */
const options = JSON.parse(process.argv[2] ?? '{}');
const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };
const overlay = createOverlay(realEnv(quiet), identityOf(randomBytes(32)), {
  listen: [{ host: '::', port: 9651 }],
  peers: [],
  transit: true,
  admit: () => true,
  received: () => {},
  ...options,
});
await overlay.start();
let told = '';
setInterval(() => {
  const peers = overlay.peers().map(({ endpoint, kind, state }) => ({ endpoint, kind, state }));
  const routes = overlay.routes().map(({ publicKey }) => publicKey);
  const line = JSON.stringify({ publicKey: overlay.publicKey, peers, routes });
  if (line !== told) process.stdout.write(`${line}\n`);
  told = line;
}, 20);
