import { ConfigError, formatProblem } from '#app';
import { exitCodes } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';
import { loadSettings } from '../settings.ts';

/** Every problem of the file and the pieces beside it, one a line on stderr; exit code 78 if there is one. */
export async function check(file: string, options: CommonOptions): Promise<void> {
  const places = placesOf({ ...options, config: file });
  try {
    const { name } = await loadSettings(places, {});
    if (options.json) printJson({ file: places.config, problems: [] });
    else print(`${places.config}: good; node ${name}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (options.json) printJson({ file: places.config, problems: error.problems });
    for (const problem of error.problems) process.stderr.write(`hypha: ${formatProblem(problem)}\n`);
    process.exitCode = exitCodes.configuration;
  }
}
