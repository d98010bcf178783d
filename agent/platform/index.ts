export type { LogLevel, LogOptions, RealLog } from './log.ts';
export { realLog } from './log.ts';
export { realNet } from './net.ts';
export { formatEndpoint } from './net-error.ts';
