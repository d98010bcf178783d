import type { RaisedAlarm } from '#bus';
import type { Finding } from './finding.ts';
import type { ApiOptions } from './types.ts';

const texts: Readonly<Record<RaisedAlarm['what'], readonly [cause: string, found: string, remedy: string]>> = {
  ours: [
    'ring-went-back',
    'it has of this node what this ring knows nothing of: an older image of the disk runs here, or a clone of it somewhere',
    'see that no copy of this disk runs elsewhere; to go back on purpose: hypha backup and hypha restore',
  ],
  theirs: [
    'far-end-went-back',
    'its ring knows less than it has acknowledged: an older image of its disk was restored, or a new ring made',
    'what had come there since is lost there; see that no copy of its disk runs elsewhere',
  ],
  cloned: [
    'cloned',
    'two nodes with its key are alive: a copied disk runs twice',
    'stop one of them, and give it an identity of its own: hypha init',
  ],
};

/** What the two ends of streams have found wrong with each other's histories since the start, by contact. */
export function historyFindings({ bus, contacts }: Pick<ApiOptions, 'bus' | 'contacts'>): Finding[] {
  const told = new Map<string, Finding>();
  for (const { contact, what, expected } of bus.alarms()) {
    const [cause, found, remedy] = texts[what];
    const subject = `history with ${contacts.withKey(contact)?.name ?? contact}`;
    if (expected) {
      const finding: Finding = { subject, state: 'note', cause, found: 'a backup was restored', remedy: null };
      if (!told.has(subject + what)) told.set(subject + what, finding);
    } else told.set(subject + what, { subject, state: 'wrong', cause, found, remedy });
  }
  return [...told.values()];
}
