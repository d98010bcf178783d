export { type ImagePart, imageOf } from './image.ts';
export type { RingKeys } from './keys.ts';
export { openRing } from './open.ts';
export type {
  Appended,
  Cursor,
  CursorAccount,
  CursorKeeping,
  CursorOptions,
  DroppedTopic,
  DropReason,
  Entry,
  GapRecord,
  Keeping,
  Lane,
  LaneName,
  LaneOptions,
  LaneStatus,
  MessageRecord,
  NewMessage,
  Provenance,
  Ring,
  RingOptions,
  RingStatus,
  StateChange,
  WritesStatus,
} from './types.ts';
