import test from 'ava';
import fc from 'fast-check';
import { generate, type IPublishPacket, parser } from 'mqtt-packet';
import {
  decodeBody,
  encodeBody,
  type MessageProperties,
  payloadOffset,
  readVarint,
  scanProperties,
  writeVarint,
} from '#codec';
import { isAgentError } from '#kernel';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const bytes = fc.uint8Array({ maxLength: 40 });
const properties = fc.record(
  {
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: fc.nat(0xff_ff_ff_ff),
    responseTopic: text,
    correlationData: bytes,
    userProperties: fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 }),
    contentType: text,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<MessageProperties>;

test('a record body gives back the properties and the payload it was made of', (t) => {
  fc.assert(
    fc.property(properties, bytes, (given, payload) => {
      const body = encodeBody(given, payload);
      const found = decodeBody(body);
      t.deepEqual(found.properties, given);
      t.deepEqual(Uint8Array.from(found.payload), payload);
      t.is(payloadOffset(body), body.length - payload.length);
    }),
  );
});

test('a record body is what stands behind the packet id of an MQTT 5 PUBLISH, as another codec writes it', (t) => {
  fc.assert(
    fc.property(properties, bytes, (given, payload) => {
      const { userProperties, correlationData, ...rest } = given;
      const names = userProperties?.map(([name]) => name) ?? [];
      fc.pre(new Set(names).size === names.length && !names.includes('__proto__'));
      const packet: IPublishPacket = {
        cmd: 'publish',
        topic: 't',
        qos: 0,
        dup: false,
        retain: false,
        payload: Buffer.from(payload),
        properties: {
          ...rest,
          ...(correlationData === undefined ? {} : { correlationData: Buffer.from(correlationData) }),
          ...(userProperties === undefined ? {} : { userProperties: Object.fromEntries(userProperties) }),
        },
      };
      const wire = generate(packet, { protocolVersion: 5 });
      const start = 1 + (readVarint(wire, 1, wire.length) & 7) + 3;
      const found = decodeBody(Uint8Array.from(wire.subarray(start)));
      const sorted = (of: MessageProperties) => ({ ...of, userProperties: [...(of.userProperties ?? [])].sort() });
      t.deepEqual(sorted(found.properties), sorted(given));
    }),
  );
});

test('what our encoder writes, another codec reads', (t) => {
  fc.assert(
    fc.property(fc.record({ contentType: text, responseTopic: text }), bytes, (given, payload) => {
      const body = encodeBody(given, payload);
      const head = Buffer.alloc(8);
      const end = writeVarint(head, 1, 3 + body.length);
      head[0] = 0x30;
      const wire = Buffer.concat([head.subarray(0, end), Buffer.from([0, 1, 0x74]), body]);
      let read: IPublishPacket | undefined;
      const reading = parser({ protocolVersion: 5 });
      reading.on('packet', (packet) => {
        read = packet as IPublishPacket;
      });
      reading.parse(wire);
      t.is(read?.properties?.contentType, given.contentType);
      t.is(read?.properties?.responseTopic, given.responseTopic);
      t.deepEqual(Uint8Array.from(read?.payload as Buffer), payload);
    }),
  );
});

test('garbage is refused as malformed or read, and never anything else', (t) => {
  fc.assert(
    fc.property(bytes, (garbage) => {
      try {
        decodeBody(garbage);
      } catch (error) {
        t.true(isAgentError(error, 'codec/malformed'));
      }
      scanProperties(garbage, 0, garbage.length);
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('a property that may stand once is refused when it stands twice', (t) => {
  const once = [0x01, 1, 0x02, 0, 0, 0, 9, 0x23, 0, 1];
  t.not(scanProperties(Uint8Array.from(once), 0, once.length), null);
  for (const twice of [
    [0x01, 1, 0x01, 0],
    [0x02, 0, 0, 0, 1, 0x02, 0, 0, 0, 1],
    [0x23, 0, 1, 0x23, 0, 1],
  ]) {
    t.is(scanProperties(Uint8Array.from(twice), 0, twice.length), null);
  }
});
