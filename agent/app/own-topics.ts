import type { NodeCard } from '#api';
import type { Broker } from '#broker';
import { formatAddress } from '#crypto';

/** The agent's own tree on its broker, retained: `hypha/state`, `hypha/info`, `hypha/links/NAME`. */
export class OwnTopics {
  readonly #broker: Broker;
  readonly #node: NodeCard;

  constructor(broker: Broker, node: NodeCard) {
    this.#broker = broker;
    this.#node = node;
  }

  started(): void {
    const { name, publicKey, address, version } = this.#node;
    this.publish('hypha/info', { name, publicKey, address: formatAddress(address), version });
    this.publish('hypha/state', 'online');
  }

  stopping(): void {
    this.publish('hypha/state', 'offline');
  }

  /** Text as it is, anything else as JSON. */
  publish(topic: string, content: unknown): void {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    this.#broker.publish({ topic, qos: 1, retain: true, payload: Buffer.from(text), properties: {} });
  }
}
