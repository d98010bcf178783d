import * as z from 'zod';
import * as value from './values.ts';

/**
 * The one tree of settings: types, checks, defaults and docs all come from here (CONTRACT.md, Configuration).
 * `describe` is the documentation; a default is written as a person would write it.
 */

const node = section('This node.', {
  name: value.name.optional().describe("What this node calls itself. Default: this machine's name."),
});

const overlay = section('The encrypted overlay (a Mycelium node).', {
  listen: value
    .list(value.url('tcp', ['tls', 'quic', 'ws', 'wss', 'vsock'], 'tcp://[::]:9651'), 'a list of addresses')
    .prefault(['tcp://127.0.0.1:9651'])
    .describe('Where other nodes may connect. "tcp://[::]:9651": on every address of this machine.'),
  peers: value
    .list(value.url('tcp', ['tls', 'quic', 'ws', 'wss', 'vsock'], 'tcp://192.0.2.1:9651'), 'a list of addresses')
    .prefault([])
    .describe('Nodes to connect to, redialled for ever.'),
  discovery: z
    .literal(false, { error: `false (${value.notYet('discovery of neighbours')})` })
    .prefault(false)
    .meta({ words: 'false' })
    .describe('Find neighbours on the local network. Not in this version.'),
  transit: value.flag().prefault(true).describe("Carry others' traffic."),
  network: value.later('a private network'),
  daemon: value.later('a stock daemon instead of the embedded node'),
});

const mqtt = section('The embedded MQTT broker.', {
  listen: value
    .list(value.url('mqtt', ['mqtts', 'ws', 'wss'], 'mqtt://127.0.0.1:1883'), 'a list of addresses')
    .prefault(['mqtt://127.0.0.1:1883'])
    .describe('Where MQTT clients connect: loopback only in this version.'),
  max_packet: value
    .size({ least: '1KB', most: '16MB' })
    .prefault('1MB')
    .describe('The longest packet a client may send.'),
  max_connections: value.whole(1, 100_000).prefault(1000).describe('More clients than this are refused.'),
  inflight: value
    .whole(1, 65_535)
    .prefault(256)
    .describe('Unacknowledged messages on their way to one persistent session.'),
});

const api = section('The HTTP interface.', {
  listen: value
    .list(value.url('http', ['https', 'unix'], 'http://127.0.0.1:8989'), 'a list of addresses')
    .prefault(['http://127.0.0.1:8989'])
    .describe('HTTP API, events, metrics, status page: loopback only in this version.'),
  rpc: z
    .array(z.unknown(), { error: 'a list of addresses' })
    .max(0, { error: `[] (${value.notYet('the JSON-RPC door')})` })
    .prefault([])
    .meta({ words: '[]' })
    .describe('A second door for JSON-RPC. Not in this version.'),
  stock: value
    .choice(['on', 'full', 'off'])
    .prefault('on')
    .describe('The stock-compatible API: "full" may also change peers, "off" closes it.'),
});

const ring = section('The disk ring buffer.', {
  size: value.size({ least: '1MB', most: '1024GB' }).prefault('512MB').describe('Space on disk (units of 1024).'),
  full: value
    .choice(['drop-oldest', 'refuse'])
    .prefault('drop-oldest')
    .describe('When full: drop the oldest, or give a publisher no acknowledgement until there is room.'),
  commit: value.commitWindow
    .prefault('5ms')
    .describe('How long a commit may gather: latency against flash wear and CPU.'),
});

const log = section('The log.', {
  level: value
    .choice(['error', 'warn', 'info', 'debug'])
    .prefault('info')
    .describe('error: a person must act; warn: degraded and healing; info: births, deaths, changes.'),
});

const qos = z.literal([0, 1, 2], { error: '0, 1 or 2' }).meta({ words: '0, 1 or 2' });

const link = entry({
  name: value.name.optional().describe("The link's name in topics and metrics. Default: `to`."),
  to: value.name.describe('The contact that gets the messages.'),
  topics: value
    .list(value.topicFilter, 'a list of topic filters')
    .min(1, { error: 'at least one' })
    .describe('What is sent.'),
  prefix: value.topicPrefix.prefault('').describe('Put in front of the topic at the far end.'),
  lane: value
    .choice(['urgent', 'normal', 'bulk'])
    .prefault('normal')
    .describe('Each lane has its own order and budget.'),
  qos: qos.prefault(2).describe("QoS at the far end is the lower of this and the publisher's."),
  qos0: value
    .choice(['store', 'pass'])
    .prefault('store')
    .describe('"pass": QoS 0 messages are passed on without being stored.'),
  retain: value.flag().prefault(true).describe('false strips the retain flag.'),
  ttl: value.later('a time to live'),
  keep: value
    .choice(['all'], ['latest', '1/s', '1/min', '1/h'])
    .prefault('all')
    .describe('What is kept while the contact is out of reach.'),
});

const accept = entry({
  from: z
    .string({ error: 'a contact or "*"' })
    .refine((from) => from === '*' || value.isName(from), { error: 'a contact or "*"' })
    .meta({ words: 'name or "*"' })
    .describe('The contact that may publish here, or "*" for every contact.'),
  topics: value
    .list(value.topicFilter, 'a list of topic filters')
    .min(1, { error: 'at least one' })
    .describe("Which topics, after the sender's prefix. {contact} stands for the sender's name."),
});

export const schema = z
  .strictObject({
    node,
    overlay,
    contacts: z
      .record(z.string(), value.publicKey, { error: 'names with public keys' })
      .prefault({})
      .describe('Named public keys: NAME = "64 hex digits".'),
    mqtt,
    api,
    ring,
    log,
    link: list(link, 'What goes to whom. As many [[link]] as you like.'),
    accept: list(accept, 'What may come in, and from whom; nothing else may. As many [[accept]] as you like.'),
    grant: value.later('[[grant]] (commands)'),
    uplink: value.later('[[uplink]] (upstream brokers)'),
    user: value.later('[[user]] (MQTT beyond loopback)'),
    device: value.later('[[device]] (serial devices)'),
    relay: value.later('[relay]'),
    group: value.later('[[group]]'),
    schedule: value.later('[[schedule]]'),
    update: value.later('[update]'),
  })
  .describe('hypha.toml');

/** What the agent runs by: every default filled in. */
export type Settings = z.output<typeof schema>;

function section<T extends z.ZodRawShape>(doc: string, shape: T) {
  return z
    .strictObject(shape, { error: 'a table' })
    .prefault({} as never)
    .describe(doc);
}

function entry<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, { error: 'a table' });
}

function list<T extends z.ZodType>(of: T, doc: string) {
  return value
    .list(of, 'a list of tables')
    .prefault([] as never)
    .describe(doc);
}
