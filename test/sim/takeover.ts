import type { ByteLink, LinkEvents } from '#kernel';

/** An end of a link, which another protocol can take over. */
interface Taken {
  takeOver(events: LinkEvents): void;
}

const ends = new WeakMap<ByteLink, Taken>();

export function mayBeTaken(link: ByteLink, end: Taken): void {
  ends.set(link, end);
}

export function takeOver(link: ByteLink, events: LinkEvents): void {
  const end = ends.get(link);
  if (end === undefined) throw new Error('simulation: a link of another network');
  end.takeOver(events);
}
