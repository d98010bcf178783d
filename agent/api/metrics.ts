import type { Registry } from 'prom-client';
import { accountOf } from './account.ts';
import type { Bodies } from './bodies.ts';
import { byPeer, ofNamedPeers } from './peer-metrics.ts';
import type { ApiOptions } from './types.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];
type Kind = 'gauge' | 'counter';

/** What is shown. */
interface Shown extends ApiOptions {
  readonly bodies: Bodies;
}

/** One metric: what it says and where its figures come from at each scrape. */
interface Metric {
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (options: Shown) => readonly Sample[];
}

const counts = (counters: object): readonly Sample[] =>
  Object.entries(counters).map(([what, value]) => [{ what }, Number(value)]);

const one = (value: number): readonly Sample[] => [[{}, value]];

const metrics: readonly Metric[] = [
  gauge('hypha_ring_bytes', 'Bytes of the ring in use.', [], ({ ring }) => one(ring.status.usedBytes)),
  gauge('hypha_ring_size_bytes', 'Bytes the ring may use.', [], ({ ring }) => one(ring.status.sizeBytes)),
  gauge('hypha_ring_oldest_seconds', 'Age of the oldest record that is still needed.', [], ({ ring }) =>
    one(ring.status.oldestAge / 1000),
  ),
  gauge('hypha_ring_ok', '1: takes messages; 0: full or stalled.', [], ({ ring }) =>
    one(ring.status.state === 'ok' ? 1 : 0),
  ),
  counter('hypha_ring_commits_total', 'Commits, each with one sync.', [], ({ ring }) => one(ring.status.commits)),
  counter('hypha_ring_written_bytes_total', 'Bytes written to disk.', [], ({ ring }) => one(ring.status.bytesWritten)),
  gauge('hypha_ring_written_day_bytes', 'Bytes written in the last day of running, zeros included.', [], ({ ring }) =>
    one(ring.status.writes.lately.bytes),
  ),
  gauge(
    'hypha_ring_over_budget',
    '1: more is written than ring.write_budget, so commits gather longer.',
    [],
    ({ ring }) => one(ring.status.writes.overBudget ? 1 : 0),
  ),
  gauge('hypha_ring_commit_window_seconds', 'How long a commit of the lane gathers now.', ['lane'], ({ ring }) =>
    ring.status.lanes.map(({ lane, commitWindowMs }) => [{ lane }, commitWindowMs / 1000]),
  ),
  gauge('hypha_ring_lane_bytes', 'What the records of the lane take that somebody has to come.', ['lane'], ({ ring }) =>
    ring.status.lanes.map(({ lane, usedBytes }) => [{ lane }, usedBytes]),
  ),
  gauge('hypha_ring_lane_size_bytes', 'The budget of the lane, if it has one.', ['lane'], ({ ring }) =>
    ring.status.lanes.flatMap(({ lane, sizeBytes }) => (sizeBytes === null ? [] : [[{ lane }, sizeBytes]])),
  ),
  counter('hypha_ring_lane_dropped_bytes_total', 'Given up by the lane for its budget.', ['lane'], ({ ring }) =>
    ring.status.lanes.map(({ lane, droppedBytes }) => [{ lane }, droppedBytes]),
  ),
  gauge('hypha_ring_lane_ok', '1: takes messages; 0: over its budget.', ['lane'], ({ ring }) =>
    ring.status.lanes.map(({ lane, state }) => [{ lane }, state === 'ok' ? 1 : 0]),
  ),
  counter('hypha_ring_payload_bytes_total', 'Bytes of payload among them.', [], ({ ring }) =>
    one(ring.status.payloadBytes),
  ),
  counter('hypha_ring_damaged_records_total', 'Records found damaged and set aside.', [], ({ ring }) =>
    one(ring.status.damagedRecords),
  ),
  counter(
    'hypha_ring_forgotten_origins_total',
    'Records from elsewhere no longer known to be stored: a copy by a second path would be stored again.',
    [],
    ({ ring }) => one(ring.status.forgottenOrigins),
  ),
  gauge('hypha_ring_state_bytes', 'Bytes of state (sessions, retained messages) in the ring.', [], ({ ring }) =>
    one(ring.status.stateBytes),
  ),
  counter('hypha_dropped_total', 'Messages that will not be delivered, by reason.', ['reason'], dropped),
  gauge('hypha_link_pending', 'Messages that wait for their contact.', ['link', 'lane'], linkPending),
  counter('hypha_link_delivered_total', 'Messages durable at the far end.', ['link', 'lane'], linkDelivered),
  counter('hypha_bus_resent_total', 'Records sent again.', ['to', 'lane'], ({ bus, contacts }) =>
    bus.streams().map(({ to, lane, resent }) => [{ to: contacts.withKey(to)?.name ?? to, lane: String(lane) }, resent]),
  ),
  counter('hypha_bus_stored_total', 'Records that came in and are durable here.', ['from', 'lane'], inbound('stored')),
  counter('hypha_bus_duplicates_total', 'Records that came again.', ['from', 'lane'], inbound('duplicates')),
  counter('hypha_bus_refused_total', 'Records that no [[accept]] takes.', ['from', 'lane'], inbound('refused')),
  counter(
    'hypha_bus_lost_total',
    'Records that the sender gave up before they came.',
    ['from', 'lane'],
    inbound('lost'),
  ),
  counter('hypha_bus_total', "The bus's counters.", ['what'], ({ bus }) => counts(bus.counters)),
  gauge('hypha_bus_held_bytes', 'Bytes that came early and wait for what goes before.', [], ({ bus }) =>
    one(bus.heldBytes),
  ),
  gauge(
    'hypha_peer_up',
    '1: connected. Links that others began are counted as one peer, `inbound`.',
    ['peer'],
    (options) => byPeer(options, ({ state }) => (state === 'alive' ? 1 : 0)),
  ),
  gauge('hypha_peer_rx_bytes', 'Bytes that came since the link stands.', ['peer'], (options) =>
    byPeer(options, ({ rxBytes }) => rxBytes),
  ),
  gauge('hypha_peer_tx_bytes', 'Bytes that went since the link stands.', ['peer'], (options) =>
    byPeer(options, ({ txBytes }) => txBytes),
  ),
  gauge('hypha_peer_rx_bytes_per_second', 'Over about ten seconds.', ['peer'], (options) =>
    byPeer(options, ({ rxBytesPerSecond = 0 }) => rxBytesPerSecond),
  ),
  gauge('hypha_peer_tx_bytes_per_second', 'Over about ten seconds.', ['peer'], (options) =>
    byPeer(options, ({ txBytesPerSecond = 0 }) => txBytesPerSecond),
  ),
  gauge('hypha_peer_round_trip_seconds', 'Smoothed; of peers that this node dials.', ['peer'], (options) =>
    ofNamedPeers(options, ({ roundTripMs }) => (roundTripMs === null ? null : roundTripMs / 1000)),
  ),
  gauge('hypha_peer_cost', 'What a packet costs over the link; of peers that this node dials.', ['peer'], (options) =>
    ofNamedPeers(options, ({ state, linkCost }) => (state === 'alive' ? linkCost : null)),
  ),
  counter('hypha_overlay_total', "The overlay node's counters.", ['what'], ({ overlay }) => counts(overlay.counters)),
  gauge('hypha_broker_connections', 'MQTT clients connected.', [], ({ broker }) => one(broker.status.connections)),
  gauge('hypha_broker_sessions', 'Persistent MQTT sessions.', [], ({ broker }) => one(broker.status.sessions)),
  gauge('hypha_broker_held', 'Publishes whose acknowledgement waits.', [], ({ broker }) => one(broker.status.held)),
  counter('hypha_broker_received_total', 'Messages from MQTT clients.', [], ({ broker }) =>
    one(broker.status.received),
  ),
  counter('hypha_broker_sent_total', 'Messages to MQTT clients.', [], ({ broker }) => one(broker.status.sent)),
  gauge('hypha_broker_retained', 'Retained messages.', [], ({ broker }) => one(broker.status.retained)),
  counter('hypha_broker_total', "The broker's counters.", ['what'], ({ broker }) => counts(broker.status.counters)),
  gauge('hypha_consumer_pending', 'Messages that wait for a consumer.', ['consumer'], ({ consumers }) =>
    consumers.all().map(([consumer, { cursor }]) => [{ consumer }, cursor.account.pending]),
  ),
  gauge('hypha_consumer_connected', '1: a program listens.', ['consumer'], ({ consumers }) =>
    consumers.all().map(([consumer, { isConnected }]) => [{ consumer }, isConnected ? 1 : 0]),
  ),
  counter('hypha_consumer_delivered_total', 'Messages acknowledged by a consumer.', ['consumer'], ({ consumers }) =>
    consumers.all().map(([consumer, { cursor }]) => [{ consumer }, cursor.account.settled]),
  ),
  counter(
    'hypha_consumer_again_total',
    'Messages given again for want of it, since the start.',
    ['consumer'],
    ({ consumers }) => consumers.all().map(([name, { again }]) => [{ consumer: name }, again]),
  ),
  gauge('hypha_hook_pending', 'Messages that wait for a hook.', ['hook'], ({ hooks }) =>
    hooks().map(({ name, pending }) => [{ hook: name }, pending]),
  ),
  counter(
    'hypha_hook_total',
    'What became of what hooks were told, since the start.',
    ['hook', 'result'],
    ({ hooks }) =>
      hooks().flatMap(({ name, done, failed }): Sample[] => [
        [{ hook: name, result: 'done' }, done],
        [{ hook: name, result: 'failed' }, failed],
      ]),
  ),
  gauge('hypha_inbox_messages', 'Plain messages that wait for a reader.', [], ({ desk }) => one(desk.inbox.count)),
  gauge('hypha_inbox_bytes', 'What they take on disk.', [], ({ desk }) => one(desk.inbox.bytes)),
  gauge('hypha_api_body_bytes', 'Bytes of request bodies in memory.', [], ({ bodies }) => one(bodies.bytes)),
  counter('hypha_api_bodies_refused_total', 'Requests that found no room for their bodies.', [], ({ bodies }) =>
    one(bodies.refused),
  ),
  counter(
    'hypha_inbox_forgotten_total',
    'Taken messages known no more (old), or not past a restart (disk): sent again, they would be delivered again.',
    ['reason'],
    ({ desk }) => [
      [{ reason: 'old' }, desk.inbox.forgotten],
      [{ reason: 'disk' }, desk.inbox.unrecorded],
    ],
  ),
  counter('hypha_messages_total', 'Plain messages.', ['result'], ({ desk }) => [
    [{ result: 'received' }, desk.counters.received],
    [{ result: 'again' }, desk.counters.again],
    [{ result: 'sent' }, desk.counters.sent],
    [{ result: 'forwarded' }, desk.counters.forwarded],
  ]),
];

/** Text for Prometheus. The library is loaded by the first who asks, so that it costs no start-up time. */
export function metricsPage(options: Shown): () => Promise<{ readonly type: string; readonly text: string }> {
  let registry: Promise<Registry> | undefined;
  return async () => {
    registry ??= makeRegistry(options);
    const made = await registry;
    return { type: made.contentType, text: await made.metrics() };
  };
}

async function makeRegistry(options: Shown): Promise<Registry> {
  const { Counter, Gauge, Registry } = await import('./prometheus.ts');
  const registry = new Registry();
  for (const { name, kind, help, labels, samples } of metrics) {
    const common = { name, help, labelNames: [...labels], registers: [registry] };
    const Kind = kind === 'gauge' ? Gauge : Counter;
    new Kind({
      ...common,
      collect() {
        this.reset();
        for (const [label, value] of samples(options)) this.inc(label, value);
      },
    });
  }
  return registry;
}

function gauge(name: string, help: string, labels: readonly string[], samples: Metric['samples']): Metric {
  return { name, kind: 'gauge', help, labels, samples };
}

function counter(name: string, help: string, labels: readonly string[], samples: Metric['samples']): Metric {
  return { name, kind: 'counter', help, labels, samples };
}

function dropped({ ring, desk, strangers }: ApiOptions): readonly Sample[] {
  const { lines } = accountOf(ring);
  const sum = (of: (line: (typeof lines)[number]) => number): number =>
    lines.reduce((total, line) => total + of(line), 0);
  return [
    [{ reason: 'full' }, sum((line) => line.dropped.full)],
    [{ reason: 'damaged' }, sum((line) => line.dropped.damaged)],
    [{ reason: 'refused' }, sum((line) => line.dropped.refused)],
    [{ reason: 'superseded' }, sum((line) => line.dropped.superseded)],
    [{ reason: 'abandoned' }, sum((line) => line.dropped.abandoned)],
    [{ reason: 'expired' }, sum((line) => line.expired)],
    [{ reason: 'unknown-sender' }, strangers.count],
    [{ reason: 'topic' }, desk.counters.topicRefused],
    [{ reason: 'inbox-full' }, desk.counters.inboxFull],
    [{ reason: 'inbox-damaged' }, desk.inbox.damaged],
  ];
}

/** Links to one contact on one lane share a cursor: it is counted once, under the first link's name. */
function perLink({ links, ring }: ApiOptions, figure: 'pending' | 'delivered'): readonly Sample[] {
  const { lines } = accountOf(ring);
  const seen = new Set<string>();
  return links().flatMap(({ name, lane, cursor }): Sample[] => {
    if (seen.has(cursor)) return [];
    seen.add(cursor);
    const line = lines.find((candidate) => candidate.cursor === cursor);
    return [[{ link: name, lane: String(lane) }, line?.[figure] ?? 0]];
  });
}

function linkPending(options: ApiOptions): readonly Sample[] {
  return perLink(options, 'pending');
}

function linkDelivered(options: ApiOptions): readonly Sample[] {
  return perLink(options, 'delivered');
}

function inbound(figure: 'stored' | 'duplicates' | 'refused' | 'lost'): Metric['samples'] {
  return ({ bus, contacts }) =>
    bus
      .inbound()
      .map((line) => [{ from: contacts.withKey(line.from)?.name ?? line.from, lane: String(line.lane) }, line[figure]]);
}
