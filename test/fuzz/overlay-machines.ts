import { isRefusal } from '#codec';
import { blake3 } from '#crypto';
import { type Address, assert, instant, type PublicKey, type Subnet } from '#kernel';
import { Chance, simulatedRandom } from '#sim';
import { MessageMachine } from '../../agent/overlay/message/machine.ts';
import { barePacket, chunkPacket, donePacket, flag, initPacket } from '../../agent/overlay/message/wire.ts';
import { RouterMachine } from '../../agent/overlay/router/router.ts';
import {
  defaultRouterOptions,
  type PeerId,
  type RouterEvent,
  type RouterId,
} from '../../agent/overlay/router/types.ts';
import { decodeControl } from '../../agent/overlay/wire/control.ts';
import { decodeIcmp, encodeIcmp } from '../../agent/overlay/wire/icmp.ts';
import type { Target } from '../../scripts/fuzz/target.ts';
import { frames } from './overlay.ts';
import { joined, piecesOf } from './pieces.ts';

const address = '05a6f0c6f365177d66be4a2bd9fdb59e' as Address;
const subnet = '05a6f0c6f365177d' as Subnet;
const stranger = { key: '57'.repeat(32) as PublicKey, address: '04f884b0d7be73009e55e1574093239f' as Address };

/** The overlay's machines, fed packet after packet by a stranger. */
export const overlayMachines: readonly Target[] = [
  { name: 'overlay-messages', seeds: messageSeeds, run: receive, maxBytes: 8192 },
  { name: 'overlay-router', seeds: () => [joined(controls())], run: route, maxBytes: 8192 },
  {
    name: 'overlay-icmp',
    seeds: () => [
      encodeIcmp({
        reason: 'no-route',
        destination: address,
        router: address,
        sender: address,
        payload: Buffer.alloc(60),
      }),
    ],
    run: (bytes) => {
      const icmp = decodeIcmp(bytes);
      if (icmp !== null && !isRefusal(icmp)) encodeIcmp(icmp);
    },
  },
];

function messageSeeds(): Uint8Array[] {
  const of = { idBytes: Buffer.from('0102030405060708', 'hex') };
  const payload = Buffer.from('hello, world');
  const done = donePacket(of, 1, blake3(payload));
  const chunk = chunkPacket(of, 0, 0, payload.length, payload);
  return [
    joined([initPacket(of, false, payload.length, Buffer.from('greet')), chunk, done, done]),
    joined([initPacket(of, true, 0, new Uint8Array(0)), donePacket(of, 0, blake3(new Uint8Array(0)))]),
    joined([
      initPacket(of, false, 2 ** 40, new Uint8Array(0)),
      barePacket(of, flag.aborted),
      barePacket(of, flag.read),
    ]),
  ];
}

function receive(bytes: Uint8Array): void {
  const machine = new MessageMachine(
    { maxMessageBytes: 1 << 20, halfOpenBytes: 1 << 20, halfOpenPerSender: 8 },
    {
      transmit: () => {},
      hasRoom: () => true,
      received: (message): void => machine.markRead(message.id, instant(0)),
      admit: () => true,
    },
    simulatedRandom(new Chance(1)),
  );
  const sent = { topic: new Uint8Array(0), payload: Buffer.alloc(3000), replyTo: null, deadlineMs: null };
  machine.send({ ...sent, to: stranger.address, changed: () => {} }, stranger.address, instant(0));
  let now = 0;
  let taken = 0;
  for (const packet of piecesOf(bytes)) {
    machine.packet(stranger, address, packet, instant(now));
    taken += packet.length;
    const held = machine.counters['half_open_bytes'] ?? 0;
    assert(held <= 64 * 1024 + 8 * taken, `${held} bytes held of ${taken} received`);
    now += packet.length;
  }
  machine.tick(instant(now + 400_000));
  assert(machine.counters['half_open_messages'] === 0, 'half-open messages are forgotten in the end');
}

const controls = (): Buffer[] =>
  frames()
    .filter((frame) => frame[1] === 1)
    .map((frame) => frame.subarray(4));

/** Two neighbours take turns; nothing they say may make the machine throw or its timer stand still. */
function route(bytes: Uint8Array): void {
  const routerId = `${stranger.key}0000000000000001` as RouterId;
  const machine = new RouterMachine(subnet, routerId, defaultRouterOptions, instant(0));
  const peers = [1 as PeerId, 2 as PeerId] as const;
  for (const peer of peers) machine.step({ kind: 'peer-up', peer, cost: 10 }, instant(0));
  let now = 0;
  for (const packet of piecesOf(bytes)) {
    const event = routerEvent(packet, peers[packet.length % 2] ?? peers[0]);
    if (event !== null) machine.step(event, instant(now));
    now += 50;
  }
  for (let turn = 0; turn < 20; turn++) {
    const due = machine.deadline();
    assert(due >= 0, 'a deadline is a time');
    now = Math.max(now, Math.min(due, now + 1_000_000));
    machine.step({ kind: 'timer' }, instant(now));
  }
  assert(machine.deadline() > now, 'the timer is set for later');
}

function routerEvent(packet: Uint8Array, peer: PeerId): RouterEvent | null {
  const control = decodeControl(packet);
  if (control === 'unknown' || isRefusal(control)) return null;
  if (control.kind === 'update') return { kind: 'update', peer, update: control };
  if (control.kind === 'route-request') return { kind: 'route-request', peer, request: control };
  if (control.kind === 'seqno-request') return { kind: 'seqno-request', peer, request: control };
  return { kind: 'cost-changed', peer, cost: control.interval };
}
