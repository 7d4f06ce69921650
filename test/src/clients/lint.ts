// Runs linters of OpenAPI on a document. Their rules are in test/clients.
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { findInstalled, run } from './installed.ts';

const RULES = join(ROOT, 'test/clients');

/** Runs a linter. Its exit code is 1 when it reports an error, and greater when it cannot run. */
async function lint<Findings>(program: string, ...parameters: readonly string[]): Promise<Findings> {
  const { code, stdout, stderr } = await run(
    RULES,
    findInstalled(program),
    'lint',
    ...parameters,
    '--format',
    'json',
  );
  if (code > 1) throw new Error(`${program} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Lists each error and warning in the file, as `<rule> <place>`. */
export async function lintByRedocly(file: string): Promise<string[]> {
  const { problems } = await lint<{ problems: { ruleId: string; location: { pointer: string }[] }[] }>(
    'redocly',
    file,
    '--config',
    'redocly.yaml',
  );
  return problems.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer}`);
}

/** Lists each error, warning, information and hint about the file, as `<rule> <place>`. */
export async function lintBySpectral(file: string): Promise<string[]> {
  const problems = await lint<{ code: string; path: string[] }[]>(
    'spectral',
    file,
    '--ruleset',
    'spectral.yaml',
    '--quiet',
  );
  return problems.map(({ code, path }) => `${code} /${path.join('/')}`);
}
