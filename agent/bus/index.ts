export type { RaisedAlarm } from './alarms.ts';
export { createBus } from './bus.ts';
export type {
  Bus,
  BusCounters,
  BusEvent,
  BusOptions,
  Delivered,
  OutgoingRule,
  StreamOptions,
  StreamStatus,
} from './types.ts';
