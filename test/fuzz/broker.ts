import { FrameSplitter } from '../../agent/broker/frames.ts';
import { readPublish } from '../../agent/broker/packets.ts';
import type { Target } from '../../scripts/fuzz/target.ts';

export const broker: readonly Target[] = [
  {
    name: 'mqtt-front',
    seeds: () => [
      Buffer.from('300a0003612f6232312e3535', 'hex'),
      Buffer.from('320e0003612f62000105020000003c32', 'hex'),
      Buffer.from('101000044d5154540402003c0004746573743200', 'hex'),
    ],
    run: (bytes) => {
      for (const version of [4, 5]) readStream(Buffer.from(bytes), version);
    },
  },
];

function readStream(bytes: Buffer, version: number): void {
  const splitter = new FrameSplitter(1 << 16);
  const aliases = new Map<number, string>();
  splitter.push(bytes);
  while (splitter.next() === 'packet') {
    if (splitter.first >> 4 !== 3) continue;
    readPublish(splitter.first, splitter.packet, splitter.start, splitter.end, version, aliases);
  }
}
