import test from 'ava';
import { Tree } from './tree.ts';

/** Law 5: time, chance and the process come in through `Env`. */
const reaches: Readonly<Record<string, string>> = {
  'the wall clock': 'export const found = (): number => Date.now();\n',
  'a date of now': 'export const found = (): unknown => new Date();\n',
  'the monotonic clock': 'export const found = (): number => performance.now();\n',
  'a timer': 'export const found = (): unknown => setTimeout(() => {}, 1);\n',
  'an interval': 'export const found = (): unknown => setInterval(() => {}, 1);\n',
  'the next turn': 'export const found = (): unknown => setImmediate(() => {});\n',
  chance: 'export const found = (): number => Math.random();\n',
  'chance taken apart': 'export const { random } = Math;\n',
  'strong chance': 'export const found = (): string => crypto.randomUUID();\n',
  'the environment': "export const found = (): unknown => process.env['HOME'];\n",
  'the console': "export const found = (): void => console.log('here');\n",
  'the network': "export const found = (): unknown => fetch('http://localhost');\n",
  'the way round': "export const found = (): unknown => globalThis['setTimeout'];\n",
};

interface Diagnostic {
  readonly category: string;
  readonly location: { readonly path: string };
}

const names = Object.keys(reaches);
const homes = ['agent/ring', 'agent/app', 'drivers/lines', 'agent/platform', 'agent/cli', 'scripts', 'test/ring'];
const fileOf = (home: string, name: string): string => `${home}/${name.replaceAll(' ', '-')}.ts`;

const linted = (() => {
  const files = homes.flatMap((home) => names.map((name) => [fileOf(home, name), reaches[name] ?? ''] as const));
  const tree = new Tree({ ...Object.fromEntries(files), '.gitignore': 'node_modules\n' });
  try {
    const report = tree.run('.bin/biome', 'lint', '--reporter=json', '--max-diagnostics=none', '.');
    return (JSON.parse(report) as { diagnostics: Diagnostic[] }).diagnostics;
  } finally {
    tree.remove();
  }
})();

const rulesAt = (path: string): string[] =>
  linted.filter((each) => each.location.path === path).map((each) => each.category.replace(/^.*\//, ''));

for (const name of names) {
  test(`${name} is out of reach in the rooms, the app and the drivers`, (t) => {
    for (const home of homes.slice(0, 3)) {
      const rules = rulesAt(fileOf(home, name));
      t.true(rules.includes('noRestrictedGlobals') || rules.includes('noJsRestrictedProperties'), home);
    }
  });
}

test('platform, command line, scripts and tests may reach out', (t) => {
  for (const home of homes.slice(3))
    for (const name of names) t.deepEqual(rulesAt(fileOf(home, name)), [], `${home}: ${name}`);
});
