import type { AgentScene } from './scene.ts';

/** Which ring has to have whose readings. */
export interface Duty {
  readonly ring: string;
  readonly from: string;
  readonly origins: readonly string[];
}

/**
 * What the storm was allowed to take away: nothing; what the near ring dropped; what the near medium damaged; what came
 * after an image of the near disk, or of the far one, that was restored.
 */
export type Weather = 'plain' | 'drops' | 'decay' | 'images' | 'far-images';

/** What of HOUSE.md's promises does not hold after a storm. */
export function verdict(scene: AgentScene, duty: Duty, weather: Weather): string[] {
  const { ring, from, origins } = duty;
  const { ledger } = scene;
  const names = scene.agents.map((agent) => agent.plan.name);
  const faults = [...ledger.faults(ring, names), ...ledger.misplaced(ring)];
  const whole = weather === 'plain' || weather === 'drops';
  // What a medium damages at the very end of the log is gone as if it had never been: that ring has gone back, too.
  if (whole) faults.push(...forgetful(scene));
  else if (weather !== 'decay') faults.push(...unnoticed(scene));
  if (whole) faults.push(...twice(scene, duty));
  if (weather === 'plain' || weather === 'images' || weather === 'far-images') {
    const missing = ledger.missing(ring, origins);
    const first = missing[0];
    if (first !== undefined) {
      faults.push(`${ring}: ${missing.length} acknowledged readings missing, the first ${first.id} of ${first.at}`);
    }
    const unshared = ledger.unshared(from, ring, origins);
    if (unshared > 0) faults.push(`${ring}: ${unshared} readings that are in ring ${from} are missing`);
  }
  return [...faults, ...accountFaults(scene, duty, weather)];
}

/** Records that are known at the far end are gone over at the near one, not sent to be sorted out there. */
function twice(scene: AgentScene, { ring }: Duty): string[] {
  let copies = 0;
  for (const event of scene.agent(ring).events) if (event.kind === 'stored') copies += event.duplicates;
  return copies === 0 ? [] : [`${ring}: ${copies} records that were known there came again`];
}

/** No ring was replaced by an older one: none knows less than it has said. */
const forgetful = ({ agents }: AgentScene): string[] =>
  agents
    .filter(({ wentBack }) => wentBack > 0)
    .map(({ plan, wentBack }) => `${plan.name}: says ${wentBack} times that an end of a stream has gone back`);

/** A ring was replaced by an older one, perhaps before it had said anything that the older one does not know. */
const unnoticed = ({ agents }: AgentScene): string[] => {
  const lost = agents.some(({ life }) => life?.bus.inbound().some((stream) => stream.lost > 0) === true);
  const noticed = agents.some(({ wentBack }) => wentBack > 0);
  return lost && !noticed ? ['an older image was restored, and nobody has noticed'] : [];
};

interface Sums {
  matched: number;
  settled: number;
  full: number;
  damaged: number;
  expired: number;
  others: number;
  pending: number;
}

function nearSums(scene: AgentScene, from: string): Sums {
  const sums: Sums = { matched: 0, settled: 0, full: 0, damaged: 0, expired: 0, others: 0, pending: 0 };
  for (const { name, account } of scene.agent(from).life?.ring.cursors() ?? []) {
    if (!name.startsWith('link/')) continue;
    const { full, damaged, expired, refused, superseded } = account.dropped;
    sums.matched += account.matched;
    sums.settled += account.settled;
    sums.full += full;
    sums.damaged += damaged;
    sums.expired += expired;
    sums.others += refused + superseded;
    sums.pending += account.pending;
  }
  return sums;
}

/** accepted = delivered + dropped + pending at the near end; what the far end counts is what it has. */
function accountFaults(scene: AgentScene, { ring, from, origins }: Duty, weather: Weather): string[] {
  const receiver = scene.agent(ring).life;
  if (scene.agent(from).life === null || receiver === null) return [`${from} or ${ring} is not running`];
  const near = nearSums(scene, from);
  const key = scene.agent(from).identity.publicKey;
  const far = { stored: 0, lost: 0 };
  for (const one of receiver.bus.inbound()) {
    if (one.from !== key) continue;
    far.stored += one.stored;
    far.lost += one.lost;
  }
  const faults: string[] = [];
  const wrong = (what: string): void => {
    faults.push(`${from} → ${ring}: ${what}: near ${JSON.stringify(near)}, far ${JSON.stringify(far)}`);
  };
  if (far.stored !== scene.ledger.foundOf(ring, origins)) {
    wrong(`${scene.ledger.foundOf(ring, origins)} of the stored are there`);
  }
  const dropped = near.full + near.damaged + near.expired;
  if (near.matched !== near.settled + dropped + near.others + near.pending) wrong('does not add up');
  if (weather !== 'drops' && near.expired > 0) wrong('something has expired');
  if (near.pending > 0 || near.others > 0) wrong('not all is delivered');
  if (weather === 'plain' || weather === 'images') {
    if (near.full + near.damaged + far.lost > 0) wrong('something was dropped');
    return faults;
  }
  if (weather === 'far-images') {
    if (near.full + near.damaged > 0) wrong('something was dropped');
    if (far.stored + far.lost !== near.matched) wrong('what was lost there is not counted there');
    return faults;
  }
  // What is not there was dropped here, and told there: no more, no less.
  const missing = scene.ledger.missing(ring, origins).length;
  const told = far.stored + far.lost;
  if (told < near.matched) wrong('the far end was not told of all that it has not got');
  // A batch that the medium damages while it is the log's last is taken for one that a power cut tore.
  const { forgotten, wentBack } = scene.agent(from);
  const gone = weather === 'decay' ? forgotten : 0;
  if (told > near.matched + gone) wrong('the far end has more than matched');
  if (told > near.matched && wentBack === 0) wrong('the near ring has gone back, and nobody has noticed');
  if (far.lost > dropped) wrong('the far end was told of more than was dropped');
  if (missing > far.lost + gone) wrong(`${missing} acknowledged readings are missing`);
  if (weather === 'drops' && near.damaged > 0) wrong('something was damaged');
  if (weather === 'decay' && near.full > 0) wrong('something was dropped for want of room');
  return faults;
}
