import { isRefusal } from '#codec';
import { type Address, assert, instant, type PublicKey, type Subnet } from '#kernel';
import { Chance, simulatedRandom } from '#sim';
import { Exchange } from '../../agent/overlay/exchange.ts';
import { frameLayout, pathPacket, welcomeFrameLayout } from '../../agent/overlay/path/layouts.ts';
import {
  aboutFrame,
  askFrame,
  elicitsAck,
  frameType,
  greetingFrame,
  lonePacket,
  noToken,
  resetPacket,
  writeFragmentHead,
  writeState,
  writeWholeHead,
} from '../../agent/overlay/path/wire.ts';
import type { Target } from '../../scripts/fuzz/target.ts';
import { joined, piecesOf } from './pieces.ts';

const own = '05a6f0c6f365177d' as Subnet;
const address = '05a6f0c6f365177d66be4a2bd9fdb59e' as Address;
const stranger = { key: '57'.repeat(32) as PublicKey, address: '04f884b0d7be73009e55e1574093239f' as Address };
const strangerToken = 0x1234;

/** The better path, fed packet after packet by a stranger who has a session. */
export const overlayPath: readonly Target[] = [
  {
    name: 'overlay-path-frames',
    seeds: () => frames().map((frame) => lonePacket(1, 1, frame)),
    run: explain,
    maxBytes: 2048,
  },
  { name: 'overlay-path', seeds: () => [joined(frames()), joined(frames().reverse())], run: receive, maxBytes: 8192 },
];

function explain(bytes: Uint8Array): void {
  const packet = Buffer.from(bytes);
  if (packet.length < 10) return;
  const isRead = elicitsAck(packet);
  const table = frameLayout(packet[10] ?? 0);
  if (table === undefined) assert(!isRead || (packet[10] ?? 0) === 0, 'a frame that is read has a table');
  else table.explain(packet.subarray(10));
}

function frames(): Buffer[] {
  const idBytes = Buffer.from('0102030405060708', 'hex');
  const head = { idBytes, tag: 7, topic: Buffer.from('greet'), lengthBytes: 5 };
  const whole = Buffer.alloc(26, 'x');
  writeWholeHead(head, 0, whole, 0);
  const fragments = [0, 40].map((offset) => {
    const frame = Buffer.alloc(24 + 5 + 40, 'y');
    writeFragmentHead({ ...head, tag: 8, lengthBytes: 80 }, 0, offset, 40, frame, 0);
    return frame;
  });
  const state = Buffer.alloc(6);
  writeState({ code: 2, tag: 7, more: 3 }, state, 0);
  const ack = Buffer.from('02000000010000000100', 'hex');
  return [
    whole,
    ...fragments,
    askFrame(8, idBytes, false),
    aboutFrame(frameType.abort, idBytes),
    aboutFrame(frameType.read, idBytes),
    state,
    ack,
    Buffer.of(frameType.ping),
    resetPacket(strangerToken).subarray(10),
    greeting(),
  ];
}

const greeting = (): Buffer =>
  greetingFrame(frameType.hello, {
    version: 1,
    token: strangerToken,
    subnet: stranger.address.slice(0, 16) as Subnet,
    acceptsBytes: 16_384,
  });

/** Whatever it says: nothing is thrown, memory follows the bytes that came, and there is an end to what it causes. */
function receive(bytes: Uint8Array): void {
  let token = 0;
  let sent = 0;
  const exchange: Exchange = new Exchange(
    own,
    { message: { maxMessageBytes: 1 << 20, halfOpenBytes: 1 << 20 }, path: {}, betterPath: true },
    {
      transmit: () => {},
      transmitPath: (_to, head) => {
        sent++;
        token = tokenIn(head) ?? token;
      },
      keyOf: () => stranger.key,
      hasRoom: () => true,
      hasRoute: () => true,
      waitedInVain: () => undefined,
      gathering: () => {},
      received: (message): void => exchange.markRead(message.id, instant(0)),
      admit: () => true,
    },
    simulatedRandom(new Chance(1)),
  );
  const hear = (packet: Uint8Array, now: number): void => {
    exchange.hold();
    exchange.pathPacket(stranger, address, packet, instant(now));
    exchange.release(instant(now));
  };
  hear(lonePacket(noToken, 0, greeting()), 0);
  hear(lonePacket(token, 0, Buffer.of(frameType.ping)), 0);
  const message = { topic: new Uint8Array(0), payload: Buffer.alloc(3000), replyTo: null, deadlineMs: null };
  for (let count = 0; count < 3; count++)
    exchange.send({ ...message, to: stranger.address }, stranger.address, instant(0));
  exchange.flush(instant(0));
  let now = 0;
  let taken = 0;
  for (const [index, piece] of [...piecesOf(bytes)].entries()) {
    hear(lonePacket(token, index + 1, piece), now);
    hear(piece, now);
    taken += piece.length;
    const held = exchange.counters['half_open_bytes'] ?? 0;
    assert(held <= 64 * 1024 + 64 * taken, `${held} bytes held of ${taken} received`);
    now += piece.length;
  }
  for (let turn = 0; turn < 400; turn++) {
    now = Math.max(now, Math.min(exchange.deadline(), now + 400_000));
    exchange.tick(instant(now));
  }
  assert(sent < 1000 + taken, `${sent} packets caused by ${taken} bytes`);
  assert((exchange.counters['half_open_messages'] ?? 0) === 0, 'half-open messages are forgotten in the end');
}

/** The token that a WELCOME asks for. */
function tokenIn(packet: Uint8Array): number | undefined {
  const head = pathPacket.decode(packet);
  if (isRefusal(head)) return undefined;
  const welcome = welcomeFrameLayout.decode(head.frames);
  return isRefusal(welcome) ? undefined : Number.parseInt(welcome.token, 16);
}
