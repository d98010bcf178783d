/** Laws 1 to 4 of the house (agent/README.md). Law 5 is in biome.json; test/house plants a violation of each. */

const storeys = [
  ['kernel'],
  ['codec', 'crypto'],
  ['overlay', 'ring'],
  ['bus', 'broker'],
  ['links', 'groups', 'files', 'fleet', 'commands', 'schedule'],
  ['api'],
  ['platform'],
  ['app'],
  ['cli'],
];
const rooms = storeys.flat();

/** What has one home only. Rooms not named here may import neither packages nor Node's modules; `touchNode` all of Node's. */
const powers = {
  codec: [],
  crypto: ['sodium-native', '@noble/hashes', 'hash-wasm', 'node:crypto', 'node:zlib'],
  ring: ['node:crypto', 'node:zlib'],
  bus: ['node:crypto', 'node:zlib'],
  broker: ['aedes', 'aedes-persistence', 'mqtt-packet', 'node:stream'],
  api: ['fastify', 'prom-client', 'node:stream'],
  platform: ['pino'],
  app: ['zod', 'smol-toml'],
  cli: ['commander', 'uqr'],
};

const touchNode = ['platform', 'cli'];
const here = ['local', 'localmodule', 'aliased', 'aliased-subpath-import'];

const either = (names) => `(${names.join('|')})`;

/** Where a package or a Node module lies once resolved. */
function placeOf(name) {
  if (name.startsWith('node:')) return `^(node:)?${name.slice('node:'.length)}(/|$)`;
  return `(^|/)node_modules/(@types/)?${name}/`;
}

const storeyRules = storeys.map((sameStorey, index) => ({
  name: 'law-1-storeys',
  comment: 'a room imports only rooms on lower storeys',
  severity: 'error',
  from: { path: `^agent/${either(sameStorey)}/` },
  to: { path: `^agent/${either(storeys.slice(index).flat())}/`, pathNot: '^agent/$1/' },
}));

const powerRules = rooms.map((room) => ({
  name: 'law-3-powers',
  comment: 'each package and each Node module has one home',
  severity: 'error',
  from: { path: `^agent/${room}/` },
  to: {
    dependencyTypesNot: touchNode.includes(room) ? [...here, 'core'] : here,
    pathNot: ['^agent/', ...(powers[room] ?? []).map(placeOf)],
  },
}));

export default {
  forbidden: [
    ...storeyRules,
    {
      name: 'law-1-outside',
      comment: 'drivers and the firmware bridge stand on storey 2 and import kernel, codec and crypto only',
      severity: 'error',
      from: { path: '^(drivers|firmware-bridge)/' },
      to: { path: '^agent/', pathNot: '^agent/(kernel|codec|crypto)/index\\.ts$' },
    },
    {
      name: 'law-1-outside',
      comment: 'a driver never imports another driver',
      severity: 'error',
      from: { path: '^drivers/([^/]+)/' },
      to: { path: '^drivers/[^/]+/', pathNot: '^drivers/$1/' },
    },
    {
      name: 'law-1-product',
      comment: 'the product imports neither tests nor scripts',
      severity: 'error',
      from: { path: '^(agent|drivers|firmware-bridge)/' },
      to: { path: '^(test|scripts)/' },
    },
    {
      name: 'law-2-doors',
      comment: 'another room is entered through its index.ts',
      severity: 'error',
      from: { path: '^agent/([^/]+)/' },
      to: { path: '^agent/[^/]+/', pathNot: ['^agent/$1/', '^agent/[^/]+/index\\.ts$'] },
    },
    {
      name: 'law-2-doors',
      comment: 'another room is imported as #room, not by a relative path',
      severity: 'error',
      from: { path: '^agent/([^/]+)/' },
      to: { path: '^agent/[^/]+/', pathNot: '^agent/$1/', dependencyTypesNot: ['aliased-subpath-import'] },
    },
    {
      name: 'law-2-doors',
      comment: 'no room goes out and in again through its own door',
      severity: 'error',
      from: { path: '^agent/([^/]+)/' },
      to: { path: '^agent/$1/', dependencyTypes: ['aliased-subpath-import'] },
    },
    ...powerRules,
    {
      name: 'law-4-cycles',
      comment: 'no cycles, types included',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolves',
      comment: 'every import leads somewhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'product-packages',
      comment: 'what the product imports is a dependency, not a development one',
      severity: 'error',
      from: { path: '^(agent|drivers|firmware-bridge)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.cjs', '.mjs', '.json'],
    },
  },
};
