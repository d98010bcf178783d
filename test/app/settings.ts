import { ConfigError, type Configuration, type Problem, readSettings } from '#app';

export const hubKey = '5714769d116bf76436ae74bc793d2c30ad1903c59ac5273805c7e2698b410c36';

export function read(text: string, variables: Readonly<Record<string, string>> = {}): Configuration {
  return readSettings({ files: [{ name: 'hypha.toml', text }], variables, hostname: 'gw' });
}

/** Every problem of a configuration that is refused; empty when it is taken. */
export function problemsOf(text: string, variables: Readonly<Record<string, string>> = {}): readonly Problem[] {
  try {
    read(text, variables);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

export function refusal(text: string, variables: Readonly<Record<string, string>> = {}): string {
  try {
    read(text, variables);
    return 'taken';
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
