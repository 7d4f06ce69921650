// The version of the whole product, which every package.json of it has.
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const packageFile = z.object({ version: z.string() });

/** As in `0.1.0` (https://semver.org). */
export const { version: VERSION } = packageFile.parse(
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')),
);
