import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type OutputFile, type Plugin } from 'esbuild';

/**
 * Packs the agent into .build/hypha: `node scripts/bundle.ts`. scripts/hypha runs hypha.mjs from there while no source is
 * newer: 490 small modules take three times as long to load. What not every command needs stays in pieces of its own, loaded
 * when asked for. Stack traces keep the functions' names; `NODE_OPTIONS=--enable-source-maps` gives files and lines as well.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const directory = join(root, '.build/hypha');
const entry = 'hypha.mjs';

/** Pieces of an older bundle stay this long: an agent that runs from it may not have loaded all of them yet. */
const keepMs = 86_400_000;

/**
 * Node's own modules by `require`: an ESM import of one reads every export, and reading `WebSocket` of node:http alone
 * loads a whole HTTP client (45 ms).
 */
const nodeModules: Plugin = {
  name: 'node-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[a-z_0-9:/]+$/ }, ({ path, namespace, kind }) => {
      const name = path.replace(/^node:/, '');
      if (!builtinModules.includes(name)) return null;
      if (namespace === 'node' || kind === 'dynamic-import') return { path: `node:${name}`, external: true };
      return { path: `node:${name}`, namespace: 'node' };
    });
    onLoad({ filter: /.*/, namespace: 'node' }, ({ path }) => ({ contents: `module.exports = require('${path}')` }));
  },
};

/** Native addons straight from their files: looking for the right one takes `require-addon` 13 ms. */
const nativeAddons: Plugin = {
  name: 'native-addons',
  setup({ onLoad }) {
    onLoad({ filter: /\/sodium-native\/binding\.js$/ }, ({ path }) => {
      const builds = `${dirname(path)}/prebuilds/linux-`;
      const file = `${JSON.stringify(builds)} + process.arch + '/sodium-native.node'`;
      return {
        contents: `const addon = { exports: {} }; process.dlopen(addon, ${file}); module.exports = addon.exports`,
      };
    });
  },
};

/** aedes' `readable-stream` is a copy of node:stream for old Nodes: 160 kB that are here already. */
const ownStreams: Plugin = {
  name: 'own-streams',
  setup({ onResolve }) {
    onResolve({ filter: /^readable-stream$/ }, () => ({ path: 'node:stream', namespace: 'node' }));
  },
};

const startedAt = new Date();
place(await pack());

async function pack(): Promise<readonly OutputFile[]> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { hypha: 'agent/cli/hypha.js' },
    outdir: directory,
    chunkNames: '[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    legalComments: 'none',
    charset: 'utf8',
    banner: { js: "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);" },
    plugins: [nodeModules, nativeAddons, ownStreams],
    write: false,
    logLevel: 'error',
  });
  return outputFiles;
}

/** The entry comes last, as old as the sources were when they were read: whatever changed since is newer. */
function place(files: readonly OutputFile[]): void {
  mkdirSync(directory, { recursive: true });
  const names = new Set(files.map(({ path }) => basename(path)));
  for (const file of files) if (basename(file.path) !== entry) put(file);
  for (const file of files) if (basename(file.path) === entry) put(file);
  for (const name of readdirSync(directory)) if (!names.has(name)) forget(join(directory, name));
}

function put({ path, contents }: OutputFile): void {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, contents);
  utimesSync(draft, startedAt, startedAt);
  renameSync(draft, path);
}

function forget(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found !== undefined && startedAt.getTime() - found.mtimeMs > keepMs) rmSync(path, { force: true });
}
