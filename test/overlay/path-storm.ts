import { Chance, World } from '#sim';
import { calm, pairOf, type Sent, type Station, type Weather } from './path-pair.ts';

const stormMs = 20_000;
/** A refused message and an unanswered question wait 30 s at the longest, and a message may be refused again after that. */
const calmWithinMs = 120_000;
const quietMs = 900_000;

export interface PathReport {
  readonly seed: number;
  /** What was broken of what is promised. */
  readonly faults: readonly string[];
  readonly sent: number;
  readonly byPath: number;
  readonly handedOver: number;
  readonly lives: number;
  readonly healedMs: number;
}

/**
 * One history: two nodes send each other messages of all lengths through loss, doubling, overtaking, thin and changing
 * paths, cuts and restarts; then calm. Promised: every message arrives at most once in a life of its receiver, whole and
 * unchanged; what nobody gave up arrives in the end; window and memory are bounded; then nothing is sent any more.
 */
export async function pathStorm(seed: number): Promise<PathReport> {
  const world = new World(seed);
  const chance = new Chance(seed ^ 0x9a7);
  const weather = weatherOf(chance);
  const stations = pairOf(world, weather, optionsOf(chance));
  const faults: string[] = [];
  for (const station of stations) inhabit(station, world, chance.fork(), faults);
  planWeather(world, weather, stations, chance.fork());
  if (chance.hits(0.5)) planRestarts(world, stations, chance.fork());
  await world.run(stormMs);
  Object.assign(weather, calm());
  for (const station of stations) Object.assign(station, { admit: () => true, store: null, speaksPath: true });
  for (const station of stations) station.routeFound();
  const isOver = (): boolean => stations.every((station) => station.open.length === 0);
  await world.run(stormMs + calmWithinMs, isOver);
  const healedMs = world.now - stormMs;
  if (!isOver())
    faults.push(`not over: ${stations.map(({ open }) => open.length)} open ${calmWithinMs} ms after the storm`);
  await world.run(world.now + quietMs);
  await checkQuiet(world, stations, faults);
  faults.push(...verdict(stations[0], stations[1]), ...verdict(stations[1], stations[0]));
  const sum = (name: string): number => stations.reduce((all, { exchange }) => all + (exchange.counters[name] ?? 0), 0);
  return {
    seed,
    faults,
    sent: stations[0].sent.length + stations[1].sent.length,
    byPath: sum('path_messages_sent'),
    handedOver: sum('path_messages_handed_over'),
    lives: stations[0].life + stations[1].life,
    healedMs,
  };
}

function weatherOf(chance: Chance): Weather {
  return {
    ...calm(),
    loss: chance.hits(0.6) ? chance.fraction() * 0.25 : 0,
    twice: chance.hits(0.5) ? chance.fraction() * 0.3 : 0,
    delayMs: chance.pick([0.1, 2, 20, 150]),
    jitterMs: chance.hits(0.4) ? chance.fraction() * 60 : 0,
    bytesPerMs: chance.hits(0.3) ? chance.pick([20, 200, 2000]) : null,
  };
}

function optionsOf(chance: Chance): Parameters<typeof pairOf>[2] {
  const message = chance.hits(0.3) ? { halfOpenBytes: 150_000, maxMessageBytes: 60_000 } : {};
  return { message };
}

/** Sends, reads, replies, aborts, refuses and stores, all now and then. */
function inhabit(station: Station, world: World, chance: Chance, faults: string[]): void {
  const count = chance.between(3, 40);
  const largest = chance.pick([300, 3000, 60_000, 300_000]);
  for (let index = 0; index < count; index++) {
    world.plan(chance.between(0, stormMs), () => {
      const length = chance.hits(0.1) ? 0 : Math.floor(largest * chance.fraction() ** 4);
      const topic = chance.bytes(chance.pick([0, 0, 11, 255]));
      const sent = send(station, chance.bytes(Math.min(length, 59_000)), { topic, isPatient: chance.hits(0.5) });
      if (sent !== null && chance.hits(0.05)) {
        world.plan(chance.between(0, 500), () => {
          if (sent.life === station.life && station.open.includes(sent)) station.abort(sent);
        });
      }
    });
  }
  if (chance.hits(0.2)) station.admit = () => chance.hits(0.7);
  if (chance.hits(0.3)) {
    station.store = () => {
      if (chance.hits(0.4)) return null;
      return new Promise((resolve) => world.plan(chance.between(0, 800), () => resolve(chance.hits(0.8))));
    };
  }
  station.onReceived = (message) => {
    if (chance.hits(0.3)) station.markRead(message.id);
    if (!message.isReply && chance.hits(0.1)) {
      const { life } = station;
      world.plan(chance.between(0, 300), () => {
        if (life === station.life) send(station, chance.bytes(chance.between(0, 5000)), { replyTo: message.id });
      });
    }
    if ((station.exchange.counters['half_open_bytes'] ?? 0) > 128 * 1024 * 1024) faults.push('memory is not bounded');
  };
}

const send = (station: Station, payload: Uint8Array, more: object): Sent | null =>
  station.send(payload, { deadlineMs: 1_800_000, ...more });

function planWeather(world: World, weather: Weather, stations: readonly Station[], chance: Chance): void {
  for (let at = chance.between(0, 3000); at < stormMs; at += chance.between(500, 8000)) {
    world.plan(at, () => change(world, weather, stations, chance));
  }
}

function change(world: World, weather: Weather, stations: readonly Station[], chance: Chance): void {
  const what = chance.between(0, 4);
  if (what === 0) weather.longestBytes = chance.pick([1400, 1500, 5000, 20_000, 65_535]);
  else if (what === 1) weather.delayMs = chance.pick([0.1, 2, 20, 150, 400]);
  else if (what === 2) weather.bytesPerMs = chance.pick([null, 20, 500]);
  else if (what === 3) {
    const station = chance.pick(stations);
    station.speaksPath = !station.speaksPath;
  } else {
    weather.isCut = true;
    weather.isCutKnown = chance.hits(0.5);
    world.plan(chance.between(50, 8000), () => {
      weather.isCut = false;
      if (weather.isCutKnown) for (const station of stations) station.routeFound();
    });
  }
}

function planRestarts(world: World, stations: readonly Station[], chance: Chance): void {
  for (let count = chance.between(1, 3); count > 0; count--) {
    world.plan(chance.between(0, stormMs), () => chance.pick(stations).restart());
  }
}

/** Nothing is under way, nothing is remembered that should not be, no timer runs, nothing is sent. */
async function checkQuiet(world: World, stations: readonly Station[], faults: string[]): Promise<void> {
  const before = stations.map(({ packets }) => packets);
  await world.run(world.now + quietMs);
  for (const [index, { exchange, packets }] of stations.entries()) {
    if (packets !== before[index])
      faults.push(`station ${index}: ${packets - (before[index] ?? 0)} packets while idle`);
    for (const name of ['outbox_messages', 'outbox_bytes', 'half_open_messages', 'half_open_bytes']) {
      if (exchange.counters[name] !== 0) faults.push(`station ${index}: ${name} ${exchange.counters[name]} in the end`);
    }
    if (Number.isFinite(exchange.deadline())) faults.push(`station ${index}: a timer runs for nothing`);
    const used = exchange.pathBytesUnderWay;
    if (used !== 0) faults.push(`station ${index}: ${used} bytes under way in the end`);
  }
}

function verdict(sender: Station, receiver: Station): string[] {
  const faults: string[] = [];
  const digests = new Map(sender.sent.map((sent) => [sent.id, sent]));
  const seen = new Set<string>();
  for (const { message, digest, life } of receiver.got) {
    const key = `${message.id} ${message.isReply} ${life}`;
    if (seen.has(key)) faults.push(`${message.id} came twice in one life`);
    seen.add(key);
    const candidates = sender.sent.filter(({ id }) => id === message.id);
    if (!digests.has(message.id)) faults.push(`${message.id} was never sent`);
    else if (!candidates.some((sent) => sent.digest === digest)) faults.push(`${message.id} came changed`);
  }
  const came = new Set(receiver.got.map(({ message, digest }) => `${message.id} ${digest}`));
  for (const { id, digest, states, life, isAborted } of sender.sent) {
    const last = states.at(-1);
    if ((last === 'received' || last === 'read') && !came.has(`${id} ${digest}`))
      faults.push(`${id} is ${last} and never came`);
    if (life !== sender.life || isAborted) continue;
    if (last === 'aborted') faults.push(`${id} was given up: ${states}`);
  }
  return faults;
}
