import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { docsAsToml, formatProblem, isName, jsonSchema, readSettings, sectionDocs } from '#app';
import { hubKey, problemsOf, read, refusal } from './settings.ts';

test('an empty file gives an agent that listens on loopback alone', (t) => {
  const settings = read('');
  t.is(settings.name, 'gw');
  t.deepEqual(settings.mqtt.listen, [{ host: '127.0.0.1', port: 1883 }]);
  t.deepEqual(settings.api.listen, [{ host: '127.0.0.1', port: 8989 }]);
  t.deepEqual(settings.overlay.listen, [{ scheme: 'tcp', host: '127.0.0.1', port: 9651 }]);
  t.like(settings.ring, { size: 512 * 1024 * 1024, full: 'drop-oldest', commit: 5 });
});

test('the documentation is itself a configuration, and says the defaults', (t) => {
  t.deepEqual(read(docsAsToml()), read(''));
});

test('every setting without a default has an example that can be set', (t) => {
  for (const { name, repeated, settings } of sectionDocs().filter((section) => section.settings.length > 0)) {
    const lines = settings.flatMap(({ key, fallback, example }) => {
      t.true(fallback !== null || example !== null, `${name}.${key}`);
      const isOther = key === 'daemon' || (name === 'hook' && key === 'socket');
      return example === null || isOther ? [] : [`${key} = ${example}`];
    });
    const table = [repeated ? `[[${name}]]` : `[${name}]`, ...lines].join('\n');
    const contact = `contacts.hub = "${'57'.repeat(32)}"\n`;
    t.notThrows(() => read(contact + table), table);
  }
  const [hook] = read('[[hook]]\nname = "a"\ntopic = "a"\nsocket = "/run/app/hypha.sock"').hook;
  t.is(hook?.socket, '/run/app/hypha.sock');
  t.is(read('overlay.daemon = "http://127.0.0.1:8989"').overlay.daemon?.port, 8989);
});

test('every default in the documentation can be set again, in the file and by its variable', (t) => {
  for (const section of sectionDocs().filter(({ repeated }) => !repeated)) {
    for (const { key, fallback, variable } of section.settings) {
      if (fallback === null || variable === null) continue;
      t.deepEqual(read(`[${section.name}]\n${key} = ${fallback}`), read(''), `${section.name}.${key}`);
      t.deepEqual(read('', { [variable]: fallback.replace(/^"(.*)"$/, '$1') }), read(''), variable);
    }
  }
});

test('a private network, proxies and discovery are read as they are written', (t) => {
  const { overlay } = read(`[overlay]
    listen = ["tls://[::]:9651"]
    peers = ["tcp://hub.example:9651", { url = "tls://[fe80::1%eth0]:1", proxy = "none" }, { url = "tcp://b:2", proxy = "http://c:3" }]
    proxy = "socks5://me:p%40ss@d:1080"
    discovery = ["eth0", "wlan0"]
    network = { name = "plant", key_file = "/etc/hypha/plant.psk" }`);
  t.deepEqual(overlay.listen, [{ scheme: 'tls', host: '::', port: 9651 }]);
  t.deepEqual(overlay.peers, [
    { scheme: 'tcp', host: 'hub.example', port: 9651 },
    { scheme: 'tls', host: 'fe80::1%eth0', port: 1, proxy: null },
    { scheme: 'tcp', host: 'b', port: 2, proxy: { kind: 'http', host: 'c', port: 3, credentials: null } },
  ]);
  t.like(overlay.proxy, { kind: 'socks5', host: 'd', port: 1080 });
  t.is(Buffer.from(overlay.proxy?.credentials?.password.reveal() ?? []).toString(), 'p@ss');
  t.false(JSON.stringify(overlay).includes('p@ss'));
  t.deepEqual(overlay.discovery, ['eth0', 'wlan0']);
  t.deepEqual(overlay.network, { name: 'plant', key_file: '/etc/hypha/plant.psk' });
  t.is(read('', { HYPHA_OVERLAY_DISCOVERY: 'true' }).overlay.discovery, true);
  t.like(read('', { HYPHA_OVERLAY_NETWORK: '{ name = "ab", key_file = "k" }' }).overlay.network, { name: 'ab' });
});

test('with a stock daemon the API makes room for its ports, unless it is told where to listen', (t) => {
  const daemon = '[overlay]\ndaemon = "http://127.0.0.1:8989"\n';
  t.deepEqual(read(daemon).overlay.daemon, { host: '127.0.0.1', port: 8989 });
  t.deepEqual(read(daemon).api.listen, [{ host: '127.0.0.1', port: 8987 }]);
  t.deepEqual(read(daemon).api.rpc, []);
  t.deepEqual(read(`${daemon}[api]\nlisten = ["http://127.0.0.1:1"]`).api.listen, [{ host: '127.0.0.1', port: 1 }]);
  t.deepEqual(read('', { HYPHA_OVERLAY_DAEMON: 'http://[::1]:1' }).api.listen, [{ host: '127.0.0.1', port: 8987 }]);
  t.is(read('[overlay]\ndaemon = "http://192.0.2.1:1"\ndaemon_remote = true').overlay.daemon?.host, '192.0.2.1');
});

test('every setting has an explanation', (t) => {
  for (const section of sectionDocs()) {
    t.not(section.doc, '', section.name);
    for (const setting of section.settings) t.not(setting.doc, '', `${section.name}.${setting.key}`);
  }
});

test('the example in CONTRACT.md is taken but for what later versions bring, which is refused by name', (t) => {
  const example = readFileSync(new URL('./contract-example.toml', import.meta.url), 'utf8');
  const refused = problemsOf(example).map(({ path, wanted }) => [path, wanted.includes('not in this version')]);
  const later = ['grant', 'uplink', 'user', 'device'];
  t.deepEqual(refused.toSorted(), later.map((path) => [path, true]).toSorted());
});

const refusals: readonly (readonly [title: string, text: string, line: string])[] = [
  [
    'an unknown key is refused with the key that was meant',
    '[ring]\nsixe = "1GB"',
    'hypha.toml: ring.sixe: found the unknown key "sixe", wanted a known key; did you mean "size"?',
  ],
  [
    'an unknown section is refused with the section that was meant',
    '[contcats]\n',
    'hypha.toml: contcats: found the unknown key "contcats", wanted a known section; did you mean "contacts"?',
  ],
  [
    'a key that resembles none is answered with those there are',
    '[log]\nzzz = 1',
    'hypha.toml: log.zzz: found the unknown key "zzz", wanted a known key; known here: level',
  ],
  [
    'a section that resembles none is answered with those of this version',
    '[zzzzzz]\n',
    'hypha.toml: zzzzzz: found the unknown key "zzzzzz", wanted a known section; known here: node, overlay, contacts, mqtt, api, ring, files, log, link, accept, hook',
  ],
  [
    'text that is not TOML is refused with line and column',
    '[ring\nsize = 1',
    'hypha.toml: line 1, column 6: found text that is not TOML (',
  ],
  [
    'a size without a unit that exists is refused',
    '[ring]\nsize = "12x"',
    'found "12x", wanted a size from "1MB" to "1024GB"; correct it',
  ],
  [
    'a ring too small to work is refused',
    '[ring]\nsize = "10KB"',
    'found "10KB", wanted a size from "1MB" to "1024GB"',
  ],
  ['a size that is a number is refused', '[ring]\nsize = 512', 'ring.size: found 512, wanted a size from "1MB"'],
  [
    'a commit window beyond a second is refused',
    '[ring]\ncommit = "2s"',
    'found "2s", wanted "now" or a span up to "1s", such as "5ms"',
  ],
  [
    'an address without a scheme is refused',
    '[overlay]\npeers = ["192.0.2.1:9651"]',
    'overlay.peers[0]: found "192.0.2.1:9651", wanted an address such as "tcp://192.0.2.1:9651"',
  ],
  [
    'a port that does not exist is refused',
    '[overlay]\npeers = ["tcp://a:70000"]',
    'wanted an address such as "tcp://192.0.2.1:9651"',
  ],
  [
    'quic is refused with what to write instead',
    '[overlay]\npeers = ["quic://a:1"]',
    'found "quic://a:1", wanted tcp://, or tls:// in a private network (there is no quic:// here; a stock node takes tcp:// too, on its TCP port); correct it',
  ],
  [
    'vsock is refused with what to write instead',
    '[overlay]\nlisten = ["vsock://2:9651"]',
    'overlay.listen[0]: found "vsock://2:9651", wanted tcp:// (there is no vsock:// here;',
  ],
  [
    'mqtts is not in this version',
    '[mqtt]\nlisten = ["mqtts://[::1]:8883"]',
    'wanted mqtt:// (mqtts:// is not in this version); remove it',
  ],
  [
    'discovery on something that is no interface is refused',
    '[overlay]\ndiscovery = "eth0"',
    'overlay.discovery: found "eth0", wanted true, false, or a list of interfaces such as ["eth0"]; correct it',
  ],
  [
    'a private network without a key is refused',
    '[overlay]\nnetwork = { name = "plant" }',
    'overlay.network.key_file: found nothing, wanted the path of a file of 32 bytes',
  ],
  [
    'the name of a private network has 2 to 64 bytes',
    '[overlay]\nnetwork = { name = "a", key_file = "/k" }',
    'overlay.network.name: found "a", wanted a name of 2 to 64 bytes',
  ],
  [
    'an unknown key of a private network is refused with the key that was meant',
    '[overlay]\nnetwork = { name = "plant", key_file = "/k", key_fil = "/k" }',
    'did you mean "key_file"?',
  ],
  [
    'tls:// without a private network is refused',
    '[overlay]\npeers = ["tls://a:1"]',
    'overlay.peers[0]: found "tls://a:1", wanted tcp://, or a private network beside it; add network = { name = "…", key_file = "…" } under [overlay]',
  ],
  [
    'a proxy of a kind that there is not is refused, and its password is not shown',
    '[overlay]\nproxy = "https://me:hush@a:1"',
    'overlay.proxy: found "https://…@a:1", wanted a proxy such as "socks5://user:password@192.0.2.1:1080"',
  ],
  [
    "a peer's own proxy is held to the same, and its password is not shown",
    '[overlay]\npeers = [{ url = "tcp://a:1", proxy = "ftp://me:hush@b:1" }]',
    'overlay.peers[0]: found {"url":"tcp://a:1","proxy":"ftp://…@b:1"}, wanted a proxy such as',
  ],
  [
    'a peer that is neither address nor table is refused',
    '[overlay]\npeers = [{ uri = "tcp://a:1" }]',
    'wanted an address such as "tcp://192.0.2.1:9651", or { url = "tcp://…", proxy = "socks5://…" or "none" }',
  ],
  [
    'a stock daemon on another machine is refused',
    '[overlay]\ndaemon = "http://192.0.2.1:8989"',
    'overlay.daemon: found "192.0.2.1", wanted a loopback address (its API has neither password nor encryption); use a tunnel, or set daemon_remote = true under [overlay]',
  ],
  [
    "what is a stock daemon's own to decide is refused beside it",
    '[overlay]\ndaemon = "http://127.0.0.1:8989"\npeers = ["tcp://a:1"]',
    'overlay.peers: found a setting of the embedded node, wanted none beside daemon; remove it here, and set it for the daemon',
  ],
  [
    'packets that no message of a stock daemon could carry are refused',
    '[overlay]\ndaemon = "http://127.0.0.1:8989"\n[mqtt]\nmax_packet = "2MB"',
    'mqtt.max_packet: found 2097152 bytes, wanted at most "1.2MB" with a stock daemon',
  ],
  [
    'MQTT beyond loopback is refused without credentials',
    '[mqtt]\nlisten = ["mqtt://0.0.0.0:1883"]',
    'mqtt.listen[0]: found "mqtt://0.0.0.0:1883", wanted a loopback address (credentials and TLS for more are not in this version); use mqtt://127.0.0.1:1883',
  ],
  [
    'the API beyond loopback is refused without credentials',
    '[api]\nlisten = ["http://[::]:80"]',
    'api.listen[0]: found "http://[::]:80", wanted a loopback address',
  ],
  [
    'a link to nobody is refused',
    '[[link]]\nto = "hub"\ntopics = ["a/#"]',
    'link[0].to: found "hub", wanted a name from [contacts]; add it with: hypha contacts add hub KEY',
  ],
  [
    'a link to a misspelt contact is refused with the one that was meant',
    `[contacts]\nhub = "${hubKey}"\n[[link]]\nto = "hbu"\ntopics = ["a/#"]`,
    'link[0].to: found "hbu", wanted a name from [contacts]; did you mean "hub"?',
  ],
  [
    'a link without topics is refused',
    `[contacts]\nhub = "${hubKey}"\n[[link]]\nto = "hub"`,
    'link[0].topics: found nothing, wanted a list of topic filters',
  ],
  [
    'a broken topic filter is refused',
    `[contacts]\nhub = "${hubKey}"\n[[link]]\nto = "hub"\ntopics = ["a#"]`,
    'link[0].topics[0]: found "a#", wanted a topic filter such as "plant/#"',
  ],
  [
    'a public key that is short is refused',
    '[contacts]\nhub = "57"',
    'contacts.hub: found "57", wanted a public key of 64 hex digits',
  ],
  [
    'keep = "latest" is not in this version',
    `[contacts]\nhub = "${hubKey}"\n[[link]]\nto = "hub"\ntopics = ["a"]\nkeep = "latest"`,
    'wanted "all" ("latest" is not in this version); remove it',
  ],
  [
    'a link without a target is refused',
    '[[link]]\ntopics = ["a"]',
    'link[0].to: found nothing, wanted a name of letters',
  ],
];

for (const [title, text, line] of refusals) {
  test(title, (t) => {
    const said = refusal(text);
    t.true(said.includes(line), said);
    t.false(said.includes('\n'));
  });
}

test('a problem is laid at the door of the file that made it', (t) => {
  const link = (to: string) => `[[link]]\nto = "${to}"\ntopics = ["a/#"]\n`;
  const files = [
    { name: 'hypha.toml', text: `[contacts]\nhub = "${hubKey}"\n${link('hub')}` },
    { name: 'conf.d/10.toml', text: link('hub') },
    { name: 'conf.d/20.toml', text: link('hubb') },
  ];
  const error = t.throws(() => readSettings({ files, variables: {}, hostname: 'gw' }));
  t.true(error?.message.startsWith('conf.d/20.toml: link[2].to: found "hubb"'), error?.message);
});

test('pieces of conf.d are merged: tables merge, lists of tables grow, values are replaced', (t) => {
  const files = [
    {
      name: 'hypha.toml',
      text: `[ring]\nsize = "64MB"\n[contacts]\nhub = "${hubKey}"\n[[accept]]\nfrom = "hub"\ntopics = ["a"]`,
    },
    {
      name: 'conf.d/a.toml',
      text: `[ring]\nfull = "refuse"\n[contacts]\nother = "${hubKey}"\n[[accept]]\nfrom = "other"\ntopics = ["b"]`,
    },
    { name: 'conf.d/b.toml', text: '[ring]\nsize = "32MB"' },
  ];
  const settings = readSettings({ files, variables: {}, hostname: 'gw' });
  t.like(settings.ring, { size: 32 * 1024 * 1024, full: 'refuse' });
  t.deepEqual(Object.keys(settings.contacts), ['hub', 'other']);
  t.deepEqual(
    settings.accept.map(({ from }) => from),
    ['hub', 'other'],
  );
});

test('a variable beats the files; lists take commas or TOML; whole sections take TOML', (t) => {
  const settings = read('[ring]\nsize = "64MB"', {
    HYPHA_RING_SIZE: '128MB',
    HYPHA_MQTT_LISTEN: 'mqtt://127.0.0.1:1, mqtt://[::1]:2',
    HYPHA_OVERLAY_LISTEN: '["tcp://[::]:9651"]',
    HYPHA_OVERLAY_TRANSIT: 'false',
    HYPHA_CONTACTS: `{ hub = "${hubKey}" }`,
    HYPHA_LINK: '[{ to = "hub", topics = ["a/#"] }]',
    HYPHA_DATA: '/somewhere',
    HYPHA_SEED: 'not a section',
  });
  t.is(settings.ring.size, 128 * 1024 * 1024);
  t.deepEqual(settings.mqtt.listen, [
    { host: '127.0.0.1', port: 1 },
    { host: '::1', port: 2 },
  ]);
  t.deepEqual(settings.overlay.listen, [{ scheme: 'tcp', host: '::', port: 9651 }]);
  t.false(settings.overlay.transit);
  t.is(settings.link[0]?.to, 'hub');
});

test('a variable that names no setting is refused with the one that was meant', (t) => {
  const said = refusal('', { HYPHA_RING_SIZ: '1GB' });
  t.is(
    said,
    'environment: found the variable HYPHA_RING_SIZ, wanted one of a known setting; did you mean HYPHA_RING_SIZE?',
  );
  t.true(refusal('', { HYPHA_RNIG_SIZE: '1GB' }).includes('did you mean HYPHA_RING_SIZE?'));
});

test('a bad value in a variable is laid at the door of the variable', (t) => {
  t.true(refusal('', { HYPHA_RING_SIZE: '12x' }).startsWith('HYPHA_RING_SIZE: ring.size: found "12x"'));
});

test('a host name that is no name for a node becomes one', (t) => {
  for (const hostname of ['Gateway 7!', '--x', '', '日本', 'a'.repeat(200), 'fine.local']) {
    t.true(isName(readSettings({ files: [], variables: {}, hostname }).name), hostname);
  }
});

test('whatever a file holds is taken or refused in one line, never thrown over', (t) => {
  const scalar = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom('7d', '512MB', 'tcp://a:1', '#', '*'),
  );
  const value = fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 3 }),
    fc.dictionary(fc.string(), scalar, { maxKeys: 3 }),
  );
  const sections = fc.constantFrom(
    'node',
    'overlay',
    'contacts',
    'mqtt',
    'api',
    'ring',
    'log',
    'link',
    'accept',
    'user',
    'x',
  );
  const keys = fc.constantFrom('name', 'listen', 'size', 'to', 'topics', 'from', 'commit', 'level', 'discovery', 'y');
  const table = fc.dictionary(keys, value, { maxKeys: 4 });
  const tree = fc.dictionary(sections, fc.oneof(value, table, fc.array(table, { maxLength: 2 })), { maxKeys: 4 });
  fc.assert(
    fc.property(tree, (found) => {
      for (const problem of problemsOf(toToml(found))) {
        const line = formatProblem(problem);
        if (line.includes('\n')) throw new Error(line);
      }
    }),
  );
  t.pass();
});

test('the JSON Schema for editors knows every section', (t) => {
  const { properties } = jsonSchema() as { properties: Record<string, unknown> };
  for (const { name } of sectionDocs()) t.true(name in properties, name);
});

/** TOML inline values are near enough to JSON. */
function toToml(tree: Readonly<Record<string, unknown>>): string {
  return Object.entries(tree)
    .map(([key, value]) => `${JSON.stringify(key)} = ${inline(value)}`)
    .join('\n');
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)} = ${inline(item)}`);
  return `{ ${pairs.join(', ')} }`;
}
