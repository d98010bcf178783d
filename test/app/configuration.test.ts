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
  t.deepEqual(settings.overlay.listen, [{ host: '127.0.0.1', port: 9651 }]);
  t.like(settings.ring, { size: 512 * 1024 * 1024, full: 'drop-oldest', commit: 5 });
});

test('the documentation is itself a configuration, and says the defaults', (t) => {
  t.deepEqual(read(docsAsToml()), read(''));
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

test('every setting has an explanation', (t) => {
  for (const section of sectionDocs()) {
    t.not(section.doc, '', section.name);
    for (const setting of section.settings) t.not(setting.doc, '', `${section.name}.${setting.key}`);
  }
});

test('the example in CONTRACT.md is taken but for what later versions bring, which is refused by name', (t) => {
  const example = readFileSync(new URL('./contract-example.toml', import.meta.url), 'utf8');
  const refused = problemsOf(example).map(({ path, wanted }) => [path, wanted.includes('not in this version')]);
  const later = ['overlay.discovery', 'link[0].ttl', 'grant', 'uplink', 'user', 'device'];
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
    'quic is not in this version',
    '[overlay]\npeers = ["quic://a:1"]',
    'found "quic://a:1", wanted tcp:// (quic:// is not in this version); remove it',
  ],
  [
    'mqtts is not in this version',
    '[mqtt]\nlisten = ["mqtts://[::1]:8883"]',
    'wanted mqtt:// (mqtts:// is not in this version); remove it',
  ],
  [
    'discovery is not in this version',
    '[overlay]\ndiscovery = true',
    'overlay.discovery: found true, wanted false (discovery of neighbours is not in this version); remove it',
  ],
  [
    'a private network is not in this version',
    '[overlay]\nnetwork = { name = "a" }',
    'wanted nothing (a private network is not in this version); remove it',
  ],
  [
    'a stock daemon as overlay is not in this version',
    '[overlay]\ndaemon = "http://127.0.0.1:8989"',
    'wanted nothing (a stock daemon instead of the embedded node is not in this version)',
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
  t.deepEqual(settings.overlay.listen, [{ host: '::', port: 9651 }]);
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
