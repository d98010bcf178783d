import { decodeBody, encodeBody } from '#codec';
import type { Target } from '../../scripts/fuzz/target.ts';
import { assertSame } from './same.ts';

const full = {
  payloadFormatIndicator: true,
  messageExpiryInterval: 3600,
  contentType: 'text/plain',
  responseTopic: 'a/b',
  correlationData: Uint8Array.of(1, 2, 3),
  userProperties: [['unit', '°C']],
} as const;

export const codec: readonly Target[] = [
  {
    name: 'publication',
    seeds: () => [encodeBody({}, Buffer.from('21.5')), encodeBody(full, Buffer.from('21.5'))],
    run: (bytes) => {
      const read = decodeBody(bytes);
      const written = encodeBody(read.properties, read.payload);
      const again = decodeBody(written);
      assertSame(written, encodeBody(again.properties, again.payload));
    },
  },
];
