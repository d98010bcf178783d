import * as z from 'zod/mini';
import * as overlayValue from './overlay-values.ts';
import { encryption, lane } from './ring-values.ts';
import * as value from './values.ts';

const { optional, preset, required, worded } = value;

/**
 * The one tree of settings: types, checks, defaults and docs all come from here (CONTRACT.md, Configuration).
 * Each setting with its documentation, its kind, and its default as a person would write it.
 */

const node = section('This node.', {
  name: optional("What this node calls itself. Default: this machine's name.", value.name(), '"gateway-7"'),
});

const overlay = section('The encrypted overlay (a Mycelium node).', {
  listen: preset(
    'Where other nodes may connect. "tcp://[::]:9651": on every address of this machine.',
    value.list(overlayValue.listenAddress(), 'a list of addresses'),
    ['tcp://127.0.0.1:9651'],
  ),
  peers: preset(
    'Nodes to connect to, redialled for ever. A table names a proxy of its own, or "none".',
    value.list(overlayValue.peer(), 'a list of addresses'),
    [],
  ),
  proxy: optional(
    'Carries the links to peers: SOCKS5, or HTTP CONNECT.',
    overlayValue.proxy(),
    '"socks5://192.0.2.1:1080"',
  ),
  discovery: preset(
    'Find neighbours on the local network by IPv6 multicast: everywhere, or on the interfaces listed.',
    overlayValue.discovery(),
    false,
  ),
  transit: preset("Carry others' traffic.", value.flag(), true),
  transit_limit: optional(
    "How much of others' traffic, in bytes sent on: what exceeds a second's is dropped; a day's is for any 24 hours, and others are sent other ways until there is some again. What was carried is kept over restarts; time without power does not count.",
    value.transitLimit(),
    '"64KB/s, 1GB/day"',
  ),
  network: required(
    'A private network: every link is TLS with its key. The file holds 32 bytes, mode 0600.',
    overlayValue.network(),
    '{ name = "plant", key_file = "/etc/hypha/plant.psk" }',
  ),
  daemon: optional(
    "The HTTP API of a stock Mycelium daemon, used instead of the embedded node. identity.key must be the daemon's own key file; listen and transit are then the daemon's. [api] listens on 8987 then, and rpc is [].",
    value.url('http', ['https', 'unix'], 'http://127.0.0.1:8989'),
    '"http://127.0.0.1:8989"',
  ),
  daemon_remote: preset(
    'The daemon may be on another machine. Its API has neither password nor encryption.',
    value.flag(),
    false,
  ),
});

const mqtt = section('The embedded MQTT broker.', {
  listen: preset(
    'Where MQTT clients connect: loopback only in this version.',
    value.list(value.url('mqtt', ['mqtts', 'ws', 'wss'], 'mqtt://127.0.0.1:1883'), 'a list of addresses'),
    ['mqtt://127.0.0.1:1883'],
  ),
  max_packet: preset('The longest packet a client may send.', value.size({ least: '1KB', most: '16MB' }), '1MB'),
  max_connections: preset('More clients than this are refused.', value.whole(1, 100_000), 1000),
  inflight: preset('Unacknowledged messages on their way to one persistent session.', value.whole(1, 65_535), 256),
});

const api = section('The HTTP interface.', {
  listen: preset(
    'HTTP API, events, metrics, status page: loopback only in this version.',
    value.list(value.url('http', ['https', 'unix'], 'http://127.0.0.1:8989'), 'a list of addresses'),
    ['http://127.0.0.1:8989'],
  ),
  rpc: preset(
    "A second door for JSON-RPC (/rpc), where stock's clients look; [] closes it.",
    value.list(value.url('http', ['https', 'unix'], 'http://127.0.0.1:8990'), 'a list of addresses'),
    ['http://127.0.0.1:8990'],
  ),
  stock: preset(
    'The stock-compatible API: "full" may also change peers and forward messages to sockets, "off" closes it.',
    value.choice(['on', 'full', 'off']),
    'on',
  ),
  inbox: preset(
    'Space on disk for plain messages that wait for a reader; more are refused before they come.',
    value.size({ least: '64KB', most: '64GB' }),
    '16MB',
  ),
  inbox_messages: preset('And at most so many of them.', value.whole(1, 1_000_000), 1000),
});

const ring = section('The disk ring buffer.', {
  size: preset(
    'Space on disk (units of 1024). May be changed between starts: when made smaller than what waits, it shrinks as that is delivered.',
    value.size({ least: '1MB', most: '1024GB' }),
    '512MB',
  ),
  full: preset(
    'When full: drop the oldest, of links and sessions that have nothing urgent waiting first, then of those that have nothing but bulk and normal; or give a publisher no acknowledgement until there is room.',
    value.choice(['drop-oldest', 'refuse']),
    'drop-oldest',
  ),
  commit: preset('How long a commit may gather: latency against flash wear and CPU.', value.commitWindow(), '5ms'),
  write_budget: optional(
    'For SD cards: when more is written in a day of powered time, commits gather longer, up to "1s" (the urgent lane never); `hypha ring` shows both.',
    value.dayRate(),
    '"2GB/day"',
  ),
  urgent: optional('The urgent lane. commit: "now" unless set here.', lane(), '{ commit = "now" }'),
  normal: optional('The normal lane. commit: as ring.commit unless set here.', lane(), '{ commit = "50ms" }'),
  bulk: optional(
    'The bulk lane. commit: as ring.commit unless set here; what gathers longer writes fewer pages, and what is more urgent takes along what gathers. size: what its records may take that somebody has still to come, to within a segment (1/16 of the ring, at most 4 MB); without it as much as the whole ring. full: what happens to more: "refuse" gives its own publishers no acknowledgement, "drop-oldest" drops its own oldest; as ring.full unless set here.',
    lane(),
    '{ commit = "1s", size = "100MB", full = "refuse" }',
  ),
  compress: preset(
    '"auto": what is committed together is compressed where that saves pages of the disk.',
    value.choice(['auto', 'off']),
    'off',
  ),
  encrypt: preset(
    'Encrypts what is stored from now on. true: under ring.key beside the identity, which protects a ring that is copied or thrown away without it, and not a stolen card. { key_file = "…" }: under a key of 32 bytes that lies elsewhere: a USB stick, a systemd credential (/run/credentials/hypha.service/…), what a TPM unseals into /run. { key_file = "…", old_key_files = ["…"] }: a new key, the old ones to read what still waits. Plain: sizes, times, sequence numbers, what was written before, the inbox and files.',
    encryption(),
    false,
  ),
});

const files = section(
  'Files that come in (`hypha send TO --file F` at the other end); [[accept]] max_file lets them in.',
  {
    space: preset(
      'What they may take on disk together: those on their way, and those in the data directory\'s "files" that nobody has taken away.',
      value.size({ least: '64KB', most: '65536GB' }),
      '4GB',
    ),
    at_once: preset('More that come at a time wait.', value.whole(1, 64), 4),
  },
);

const log = section('The log.', {
  level: preset(
    'error: a person must act; warn: degraded and healing; info: births, deaths, changes.',
    value.choice(['error', 'warn', 'info', 'debug']),
    'info',
  ),
});

const qos = worded('0, 1 or 2', z.literal([0, 1, 2], { error: '0, 1 or 2' }));

const link = entry({
  name: optional("The link's name in topics and metrics. Default: `to`.", value.name(), '"readings"'),
  to: required('The contact that gets the messages.', value.name(), '"hub"'),
  topics: required('What is sent.', topics(), '["plant/#"]'),
  prefix: preset('Put in front of the topic at the far end.', value.topicPrefix(), ''),
  lane: preset('Each lane has its own order and budget.', value.choice(['urgent', 'normal', 'bulk']), 'normal'),
  qos: preset("QoS at the far end is the lower of this and the publisher's.", qos, 2),
  qos0: preset('"pass": QoS 0 messages are passed on without being stored.', value.choice(['store', 'pass']), 'store'),
  retain: preset('false strips the retain flag.', value.flag(), true),
  ttl: optional(
    'What has waited longer is not sent any more but reported as expired. Powered time counts. Default: as long as there is room.',
    value.span({ least: '1s', most: '3650d' }),
    '"7d"',
  ),
  keep: preset(
    'What is kept while the contact is out of reach.',
    value.choice(['all'], ['latest', '1/s', '1/min', '1/h']),
    'all',
  ),
});

const accept = entry({
  from: required(
    'The contact that may publish here, or "*" for every contact.',
    worded(
      'name or "*"',
      z
        .string({ error: 'a contact or "*"' })
        .check(z.refine((from) => from === '*' || value.isName(from), { error: 'a contact or "*"' })),
    ),
    '"hub"',
  ),
  topics: required(
    "Which topics, after the sender's prefix. {contact} stands for the sender's name.",
    topics(),
    '["plant/+/set"]',
  ),
  max_file: optional(
    'The largest file that may come on these topics. Default: none may.',
    value.size({ least: '1KB', most: '1024GB' }),
    '"100MB"',
  ),
});

const hook = entry({
  name: required('What it is called in figures; its place in the ring goes by this name.', value.name(), '"alarm"'),
  topic: required(
    'Which messages: a topic filter. What was sent to this node is under $hypha/inbox/FROM/TOPIC.',
    value.topicFilter(),
    '"plant/+/alarm"',
  ),
  command: optional(
    'Runs for each message, one at a time, without a shell: payload on standard input, HYPHA_TOPIC, HYPHA_ID and more in the environment. Exit code 0 acknowledges; else it runs again, after 1 s to 5 min.',
    value
      .list(worded('text', z.string({ error: 'text' })), 'a list: the program and its arguments')
      .check(z.minLength(1, { error: 'the program at least' })),
    '["/usr/local/bin/alarm", "--loud"]',
  ),
  socket: optional(
    'Or: a Unix socket on which a program listens. Each message is a line of JSON; a line back with its id acknowledges.',
    worded('path', z.string({ error: 'a path' }).check(z.startsWith('/', { error: 'a path that begins with "/"' }))),
    '"/run/app/hypha.sock"',
  ),
  timeout: preset('How long a run, or an acknowledgement, may take.', value.span({ least: '1s', most: '1h' }), '30s'),
});

export const schema = required(
  'hypha.toml',
  z.strictObject({
    node,
    overlay,
    contacts: preset(
      'Named public keys: NAME = "64 hex digits".',
      z.record(z.string(), value.publicKey(), { error: 'names with public keys' }),
      {},
    ),
    mqtt,
    api,
    ring,
    files,
    log,
    link: list(link, 'What goes to whom. As many [[link]] as you like.'),
    accept: list(accept, 'What may come in, and from whom; nothing else may. As many [[accept]] as you like.'),
    hook: list(hook, 'Programs of this machine that are told of messages. As many [[hook]] as you like.'),
    grant: value.later('[[grant]] (commands)'),
    uplink: value.later('[[uplink]] (upstream brokers)'),
    user: value.later('[[user]] (MQTT beyond loopback)'),
    device: value.later('[[device]] (serial devices)'),
    relay: value.later('[relay]'),
    group: value.later('[[group]]'),
    schedule: value.later('[[schedule]]'),
    update: value.later('[update]'),
  }),
);

/** What the agent runs by: every default filled in. */
export type Settings = z.output<typeof schema>;

function topics() {
  return value.list(value.topicFilter(), 'a list of topic filters').check(z.minLength(1, { error: 'at least one' }));
}

function section<T extends z.core.$ZodLooseShape>(doc: string, shape: T) {
  return preset(doc, z.strictObject(shape, { error: 'a table' }), {} as never);
}

function entry<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, { error: 'a table' });
}

function list<T extends z.core.SomeType>(of: T, doc: string) {
  return preset(doc, value.list(of, 'a list of tables'), [] as never);
}
