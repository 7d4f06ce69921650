// Which settings there are: `npm start`'s own, those that the services know from their own tables, and the names that are
// none but look as if they were meant for us.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { findNearestName } from '../command-line/edit-distance.js';
import { folderOf, listDecidedNames, PROCESSES, type ProcessName } from '../stack/services.ts';

export type KnownSettings = {
  /** By the name of each setting that services take: what is wrong with a value, a line for each error. */
  checks: ReadonlyMap<string, (value: string) => string[]>;
  /** What `npm start` decides for its services, such as their ports and secrets. */
  decided: ReadonlySet<string>;
};

const configModule = z.object({ settings: z.record(z.string(), z.instanceof(z.ZodType)) });

/** The settings of a service, by name. */
export async function loadSettings(name: ProcessName): Promise<Record<string, z.ZodType>> {
  const path = join(folderOf(name), 'src/config.ts');
  return configModule.parse(await import(pathToFileURL(path).href)).settings;
}

/** Reads the tables of the four services. */
export async function readKnownSettings(): Promise<KnownSettings> {
  const checks = new Map<string, (value: string) => string[]>();
  for (const name of PROCESSES) {
    const settings = await loadSettings(name);
    for (const [setting, type] of Object.entries(settings))
      checks.set(setting, (value) => type.safeParse(value).error?.issues.map(({ message }) => message) ?? []);
  }
  return { checks, decided: listDecidedNames() };
}

/** Beginnings of names that are ours and hardly of any other program. REDIS_ is not: Kubernetes sets REDIS_PORT. */
const OUR_BEGINNINGS =
  /^(HOLDFAST_(?!TEST_)|MAX_|RATE_LIMIT|CORS_|JWT_|ARGON2_|SUBGRAPH_|SUPERGRAPH_|PERSISTED_|TRUSTED_PRO)/;
/**
 * The setting that an unknown name was probably meant to be, out of `settings`; undefined when the name does not look like
 * ours: it neither begins as ours do nor differs from a setting by so few letters that it may be misspelt.
 */
export function guessSetting(name: string, settings: Iterable<string>): string | undefined {
  const nearest = findNearestName(name.toUpperCase(), settings);
  return nearest?.isMisspelt || OUR_BEGINNINGS.test(name) ? nearest?.name : undefined;
}
