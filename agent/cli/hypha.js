// Where the command starts. Plain JavaScript that any Node reads, so that an old one gets one clear line and not a
// stack trace about TypeScript. Everything else is in main.ts.
const wanted = 24;
const found = process.versions.node;
if (Number(found.split('.')[0]) < wanted) {
  process.stderr.write(
    `hypha: node: found ${found}, wanted ${wanted} or newer; start it with scripts/hypha, which brings its own\n`,
  );
  process.exitCode = 69;
} else {
  const { enableCompileCache } = await import('node:module');
  enableCompileCache();
  const { main } = await import('./main.ts');
  await main(process.argv.slice(2));
}
