export { createBroker } from './broker.ts';
export type { Broker, BrokerCounter, BrokerLimits, BrokerOptions, BrokerStatus, StoredMessage } from './types.ts';
