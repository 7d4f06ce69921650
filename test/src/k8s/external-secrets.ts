// The Secrets that k8s/README.md tells people to make, as its table has them.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/scripts/settings';
import type { ExternalSecrets } from './references.ts';

const ROW = /^\| `(holdfast-[\w-]+)` \| ([^|]+) \|/gm;
const NAMES = /`([^`]+)`/g;

export async function documentedSecrets(): Promise<ExternalSecrets> {
  const text = await readFile(join(ROOT, 'k8s/README.md'), 'utf8');
  return new Map(
    [...text.matchAll(ROW)].map(([, name = '', keys = '']) => [
      name,
      [...keys.matchAll(NAMES)].map(([, key = '']) => key),
    ]),
  );
}

/** The URLs that it tells people to put into them. */
export async function documentedUrls(): Promise<string[]> {
  const text = await readFile(join(ROOT, 'k8s/README.md'), 'utf8');
  return [...text.matchAll(/`((?:postgres|redis):\/\/[^`]+)`/g)].map(([, url = '']) => url);
}
