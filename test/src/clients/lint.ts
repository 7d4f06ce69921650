// What linters of OpenAPI say about a document. Their rules stand in test/clients.
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/settings/settings';
import { installed, run } from './installed.ts';

const RULES = join(ROOT, 'test/clients');

/** A linter that finds an error ends with 1, and one that cannot lint with something else. */
async function found<Findings>(program: string, ...parameters: readonly string[]): Promise<Findings> {
  const { code, stdout, stderr } = await run(
    RULES,
    installed(program),
    'lint',
    ...parameters,
    '--format',
    'json',
  );
  if (code > 1) throw new Error(`${program} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Each error and warning in the file, as `<rule> <place>`. */
export async function redocly(file: string): Promise<string[]> {
  const { problems } = await found<{ problems: { ruleId: string; location: { pointer: string }[] }[] }>(
    'redocly',
    file,
    '--config',
    'redocly.yaml',
  );
  return problems.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer}`);
}

/** Each error, warning, information and hint about the file, as `<rule> <place>`. */
export async function spectral(file: string): Promise<string[]> {
  const problems = await found<{ code: string; path: string[] }[]>(
    'spectral',
    file,
    '--ruleset',
    'spectral.yaml',
    '--quiet',
  );
  return problems.map(({ code, path }) => `${code} /${path.join('/')}`);
}
