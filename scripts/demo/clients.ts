import { Publisher } from '../../test/load/publisher.ts';
import { Subscriber } from '../../test/load/subscriber.ts';

/** Persistent sessions and QoS 2 at both ends: nothing may double. */
const common = { version: 5, clean: false, keepAliveSeconds: 30, qos: 2 } as const;

export function freshPublisher(port: number): Publisher {
  const topic = 'plant/boiler/temperature';
  return new Publisher({ ...common, port, clientId: 'sensor', publisher: 1, topic, payloadBytes: 64, window: 1_000 });
}

export function freshSubscriber(port: number): Subscriber {
  return new Subscriber({ ...common, port, clientId: 'subscriber', filter: 'gateway/plant/#' });
}
