export { createBus } from './bus.ts';
export { createFiles } from './large/files.ts';
export { safeName } from './large/names.ts';
export type { ArrivedFile, Files, FilesCounters, FilesEvent, FilesOptions, Transfer } from './large/types.ts';
export type {
  Bus,
  BusCounters,
  BusEvent,
  BusOptions,
  Delivered,
  OutgoingRule,
  RaisedAlarm,
  StreamOptions,
  StreamStatus,
  ToldGap,
} from './types.ts';
