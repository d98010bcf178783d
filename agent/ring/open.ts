import type { DiskFile, Env } from '#kernel';
import { pageBytes } from '#kernel';
import type { Checkpoint } from './checkpoint.ts';
import { Checkpointer } from './checkpointer.ts';
import { DamageAccount } from './damage.ts';
import { epochBytes, makeEpoch } from './epoch.ts';
import { Floors } from './floors.ts';
import { noKeys } from './keys.ts';
import { geometryOf } from './layout.ts';
import { Log } from './log.ts';
import { Origins } from './origins.ts';
import { PatientFile } from './patient-file.ts';
import { Quarantine } from './quarantine.ts';
import {
  type FoundSlot,
  findCheckpoints,
  findSegmentBytes,
  keyIdIn,
  liveSegments,
  needKeys,
  type Replayed,
  readSlots,
  replay,
  retiredSlots,
  type TornBatch,
} from './recovery.ts';
import { Replayer } from './replayer.ts';
import { DiskRing } from './ring.ts';
import { Seen } from './seen.ts';
import type { Segment } from './segment.ts';
import { ringIdOfBatches } from './segment-repair.ts';
import { State } from './state.ts';
import type { Ring, RingOptions } from './types.ts';
import { Wrapping } from './wrapping.ts';

/** A new ring's clock begins here, so that what was old on arrival has a time of birth too (34 years in ms). */
const firstRingTime = 2 ** 40;

/**
 * Opens the ring in `options.directory`, or makes one. Starts whatever state the files are in, with what can still be
 * read; refuses only a size too small (`ring/size`) and files of a newer version (`ring/version`), both `reconfigure`.
 * The caller holds the directory's lock.
 */
export async function openRing(env: Env, options: RingOptions): Promise<Ring> {
  const { disk } = env;
  const { directory } = options;
  geometryOf(options.sizeBytes, null);
  await disk.makeDirectory(directory);
  const path = `${directory}/ring.log`;
  const isNew = !(await disk.list(directory)).includes('ring.log');
  const checkpoints = await checkpointsOf(env, options, isNew ? null : await disk.open(path, 'read-only'));
  const file = patient(env, await disk.open(path, 'create'), null);
  if (isNew) await disk.syncDirectory(directory);
  try {
    return await recover(env, options, file, checkpoints);
  } catch (error) {
    await file.close();
    throw error;
  }
}

const patient = ({ clock, log }: Env, file: DiskFile, elsewhere: DiskFile | null): PatientFile =>
  new PatientFile(file, { clock, journal: log, elsewhere });

/** Whether a checkpoint is damaged or the disk out for a while is told by the log, which is tried too. */
async function checkpointsOf(env: Env, { directory, keys }: RingOptions, log: DiskFile | null): Promise<Found> {
  try {
    return await findCheckpoints(env.disk, directory, env.log, keys ?? noKeys, (file) => patient(env, file, log));
  } finally {
    await log?.close();
  }
}

type Found = Awaited<ReturnType<typeof findCheckpoints>>;

async function recover(env: Env, options: RingOptions, file: PatientFile, found: Found): Promise<Ring> {
  const size = await file.size();
  const checkpoint = found.newest;
  const header = await findSegmentBytes(file, size);
  const known = checkpoint?.ringId ?? header?.ringId ?? (await ringIdOfBatches(file, size));
  const ringId = known ?? env.random.bytes(16);
  const segmentBytes = checkpoint?.segmentBytes ?? header?.segmentBytes ?? null;
  const geometry = geometryOf(options.sizeBytes, segmentBytes);
  const slots = await readSlots(file, size, geometry.segmentBytes, ringId);
  const segments = liveSegments(slots, checkpoint);
  const keys = options.keys ?? noKeys;
  needKeys(segments, slots, keys);
  const quarantine = new Quarantine(env.disk, options.directory, file, geometry.segmentBytes, env.log);
  const damage = new DamageAccount(env.log, quarantine);
  const replayer = new Replayer(new State(geometry.stateBytes), new Origins(), new Seen(geometry.seenBytes), damage);
  if (checkpoint !== null) replayer.start(checkpoint);
  const from = { segment: checkpoint?.segment ?? 0, offset: checkpoint?.offset ?? 0 };
  const start = checkpoint?.position ?? (segments[0]?.first ?? 1) - 1;
  const replayed = await replay(file, geometry, ringId, segments, start, from, replayer, keys);
  replayer.finish();
  if (replayed.torn !== null) tellTorn(env.log, replayed.torn);
  const headless = segments.filter(({ slot }) => slots[slot]?.damaged === true);
  for (const segment of headless) if (!maybeTorn(segment, slots, replayed, checkpoint)) damage.header(segment);
  const retired = retiredSlots(found.older, segments, slots);
  const used = new Set([...segments.map((segment) => segment.slot), ...retired]);
  const freeSlots = slots.map(({ slot }) => slot).filter((slot) => !used.has(slot));
  const nextSegment = Math.max(0, ...segments.map(({ id }) => id), ...slots.map(idOf)) + 1;
  const content = {
    segments,
    freeSlots,
    retiredSlots: retired,
    begunSlots: slots.length,
    zeroedBytes: size - (size % 4096),
    activeKey: keyIdIn(slots[segments.at(-1)?.slot ?? -1]),
  };
  const boot = Math.max(checkpoint?.boot ?? 0, replayed.boot) + 1;
  const epoch = makeEpoch(boot, env.random.bytes(8));
  const compress = options.compress === 'auto';
  const wrapping = new Wrapping({ compress, keys, salt: epochBytes(epoch), random: env.random });
  const log = new Log(geometry, ringId, file, content, nextSegment, env.log, wrapping);
  const ring = new DiskRing(env, options, {
    file,
    log,
    state: replayer.state,
    origins: replayer.origins,
    seen: replayer.seen,
    tally: replayer.tally,
    positions: replayer.positions,
    writes: replayer.writes,
    floors: new Floors(replayer.floors),
    checkpointer: new Checkpointer(env.disk, options.directory, env.log, keptOf(found, retired), found.next, (pieces) =>
      wrapping.cover(pieces),
    ),
    damage,
    epoch,
    boot,
    last: replayed.last,
    nextCursorId: replayer.nextCursorId,
    ringTimeBase: Math.max(checkpoint?.ringTime ?? firstRingTime, replayed.ringTime),
  });
  const headers = toWriteAgain(headless, replayed).map((segment) => ({ segment, keyId: keyIdIn(slots[segment.slot]) }));
  await ring.begin(replayed.lastBatch, headers);
  return ring;
}

/** A segment's header is synced with its first batch, so whether it is on the disk is as uncertain as that. */
function toWriteAgain(headless: readonly Segment[], { lastBatch }: Replayed): readonly Segment[] {
  if (lastBatch === null || lastBatch.offset !== pageBytes || headless.includes(lastBatch.segment)) return headless;
  return [...headless, lastBatch.segment];
}

function tellTorn(journal: Env['log'], { segment, offset, first, count }: TornBatch): void {
  const { id, slot } = segment;
  journal.info('ring-tail-torn', { segment: id, slot, offsetBytes: offset, fromSequence: first, records: count });
}

/** Of two checkpoints the older names segments that the newer has replaced. */
const keptOf = ({ kept }: Found, retired: readonly number[]) =>
  kept.map((each, index) => ({ ...each, swaps: index === 0 && retired.length > 0 ? 1 : 0 }));

const idOf = (slot: FoundSlot): number => slot.header?.id ?? slot.claimed?.id ?? 0;

/** A header that a power cut may have torn: of a segment that was just begun, or of one begun in the place of a freed one. */
function maybeTorn(
  segment: Segment,
  slots: readonly FoundSlot[],
  { lastBatch }: Replayed,
  checkpoint: Checkpoint | null,
): boolean {
  if (slots[segment.slot]?.header !== null) return false;
  if (checkpoint?.segments.some(({ id }) => id === segment.id) === true) return true;
  return lastBatch === null || (lastBatch.segment === segment && lastBatch.offset === pageBytes);
}
