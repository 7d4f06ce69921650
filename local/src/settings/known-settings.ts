// The settings that `npm start` accepts: its own and those in the tables of the services. Also recognises names that look like a
// misspelt setting.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { findNearestName } from '../command-line/edit-distance.js';
import { folderOf, listDecidedNames, PROCESSES, type ProcessName } from './services.ts';

export type KnownSettings = {
  /** For each setting of the services, by its name: a function that returns the errors of a value. */
  checks: ReadonlyMap<string, (value: string) => string[]>;
  /** The settings that `npm start` decides for its services, such as their ports and secrets. */
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

/** Prefixes that hardly any other program uses. REDIS_ is not one of them, because Kubernetes sets REDIS_PORT. */
const OUR_BEGINNINGS =
  /^(HOLDFAST_(?!TEST_)|MAX_|RATE_LIMIT|CORS_|JWT_|ARGON2_|SUBGRAPH_|SUPERGRAPH_|PERSISTED_|TRUSTED_PRO)/;
/**
 * The setting of `settings` that an unknown name was probably meant to be. Undefined when the name neither has one of our prefixes
 * nor looks like a misspelt setting.
 */
export function guessSetting(name: string, settings: Iterable<string>): string | undefined {
  const nearest = findNearestName(name.toUpperCase(), settings);
  return nearest?.isMisspelt || OUR_BEGINNINGS.test(name) ? nearest?.name : undefined;
}
