import { docsAsToml, jsonSchema } from '#app';
import { print, printJson } from '../output.ts';
import type { CommonOptions } from '../paths.ts';

export async function configDocs(options: CommonOptions): Promise<void> {
  if (options.json) printJson(jsonSchema());
  else print(docsAsToml());
}
