import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What no tool's rule forbids: words left open or silencing a tool, paths of one machine, strays at the top of the tree. */
const forbidden: readonly { readonly what: string; readonly pattern: RegExp; readonly files: RegExp }[] = [
  { what: 'left open', pattern: /\b(TO|FIX)(DO|ME)\b|\bX{3}\b/, files: /\.(ts|js|cjs|sh|md)$|^scripts\// },
  {
    what: 'silences a tool',
    pattern: /biome-(ignore)|@ts-(ignore|expect-error|nocheck)|\bas any\b/,
    files: /\.(ts|js|cjs)$/,
  },
  { what: 'path of one machine', pattern: /(^|[^\w.-])\/(work|root)\//, files: /./ },
  { what: 'address in the lockfile', pattern: /"resolved": *"http/, files: /^package-lock\.json$/ },
];
const top =
  /^(agent|drivers|firmware-bridge|scripts|test|package(-lock)?\.json|tsconfig\.json|biome\.json|knip\.json|ava\.config\.js|Dockerfile\.arm64|README\.md|LICENSE|\..*)$/;
const self = 'scripts/words.ts';

const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && file !== self);
const found = [...new Set(files.map((file) => file.split('/')[0] ?? ''))]
  .filter((name) => !top.test(name))
  .map((name) => `${name}: found at the top of the tree, wanted in agent, scripts or test`);
for (const file of files) found.push(...wordsIn(file));

for (const line of found) console.error(line);
process.exitCode = found.length === 0 ? 0 : 1;

function wordsIn(file: string): string[] {
  const rules = forbidden.filter((rule) => rule.files.test(file));
  const text = read(file);
  if (text === null || text.includes('\0')) return [];
  return text
    .split('\n')
    .flatMap((line, index) =>
      rules
        .filter((rule) => rule.pattern.test(line))
        .map((rule) => `${file}:${index + 1}: ${rule.what}: ${line.trim()}`),
    );
}

/** Null for what is listed but gone, or no file. */
function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
