export type { Broker, BrokerOptions, BrokerStatus, StoredMessage } from './types.ts';
