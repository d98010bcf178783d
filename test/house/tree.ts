import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

const tools = ['package.json', 'tsconfig.json', 'biome.json', '.dependency-cruiser.js'];

/** A source tree of its own with the house's tools and laws, and only the files given. */
export class Tree {
  readonly path = mkdtempSync(join(tmpdir(), 'hypha-house-'));

  constructor(files: Readonly<Record<string, string>>) {
    for (const name of tools) copyFileSync(join(root, name), join(this.path, name));
    symlinkSync(join(root, 'node_modules'), join(this.path, 'node_modules'));
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), text);
  }

  /** Standard output of a tool of node_modules run in the tree. */
  run(script: string, ...args: string[]): string {
    const tool = join(root, 'node_modules', script);
    const done = spawnSync(process.execPath, [tool, ...args], {
      cwd: this.path,
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    });
    if (done.error !== undefined) throw done.error;
    if (done.stdout === '') throw new Error(`${script}: no output, wanted a report: ${done.stderr}`);
    return done.stdout;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
