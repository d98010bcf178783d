export type { Bus, BusEvent, BusOptions, Delivered, OutgoingRule, StreamOptions, StreamStatus } from './types.ts';
