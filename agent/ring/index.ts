export { openRing } from './open.ts';
export type {
  Appended,
  Cursor,
  CursorAccount,
  CursorOptions,
  DropReason,
  Entry,
  GapRecord,
  Lane,
  MessageRecord,
  NewMessage,
  Provenance,
  Ring,
  RingOptions,
  RingStatus,
  StateChange,
} from './types.ts';
