import test from 'ava';
import type { PeerStatus } from '#overlay';
import { byPeer, ofNamedPeers } from '../../agent/api/peer-metrics.ts';
import type { ApiOptions } from '../../agent/api/types.ts';

const peer = (kind: PeerStatus['kind'], port: number): PeerStatus => ({
  endpoint: `tcp://192.0.2.1:${port}`,
  kind,
  state: 'alive',
  linkCost: 20,
  roundTripMs: 5,
  rxBytes: 10,
  txBytes: 1,
  connectedForMs: 1,
  via: null,
  failures: 0,
  why: null,
});

const optionsOf = (peers: readonly PeerStatus[]): ApiOptions => ({ overlay: { peers: () => peers } }) as never;

test('however many peers come and go, the labels are bounded and nothing is left out of the sum', (t) => {
  const found = Array.from({ length: 3000 }, (_, index) => peer(index % 2 === 0 ? 'inbound' : 'static', index));
  const samples = byPeer(optionsOf(found), ({ rxBytes }) => rxBytes);
  t.true(samples.length <= 66, String(samples.length));
  t.is(
    samples.reduce((sum, [, value]) => sum + value, 0),
    30_000,
  );
  t.is(samples.find(([{ peer: label }]) => label === 'inbound')?.[1], 15_000);
});

test('what does not add up is shown of peers with a name alone', (t) => {
  const samples = ofNamedPeers(optionsOf([peer('inbound', 1), peer('static', 2)]), ({ linkCost }) => linkCost);
  t.deepEqual(samples, [[{ peer: 'tcp://192.0.2.1:2' }, 20]]);
});
