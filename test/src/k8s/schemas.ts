// Checks objects against the schemas of Kubernetes and of the operators, and refuses unknown keys, as the API server does. The schemas
// are in test/k8s-schemas, for the versions in k8s/README.md (test/k8s-schemas.mjs).
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { Ajv } from 'ajv';
import { z } from 'zod';
import { type Manifest, nameOf } from './objects.ts';

export const SCHEMAS = join(ROOT, 'test/k8s-schemas');

/** The folder with the schemas of a version of an API. */
export const folderOf = (name: string, version: string): string =>
  join(SCHEMAS, `${name.toLowerCase().replaceAll(' ', '-')}-${version}`);

/** A row of the README's table: `| [NAME](…) words | LOWEST | NEWEST |`. */
const ROW = /^\| \[?([\w -]+?)(?:\]\(\S+\))?(?:,[^|]*)? \| (\d+\.\d+\.\d+) \| (\d+\.\d+\.\d+) \|/gm;

/** The versions that k8s/README.md names for the manifests. */
export async function statedVersions(): Promise<{ name: string; lowest: string; newest: string }[]> {
  const text = await readFile(join(ROOT, 'k8s/README.md'), 'utf8');
  return [...text.matchAll(ROW)].map(([, name = '', lowest = '', newest = '']) => ({ name, lowest, newest }));
}

const content = z.looseObject({ kinds: z.record(z.string(), z.string()).default({}) });

/** Makes the function that lists the errors of an object, one line each. */
export async function createValidator(which: 'lowest' | 'newest') {
  // Each schema is used for a few objects, so optimized code would take longer to make than it saves.
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, code: { optimize: false } });
  const schemas = new Map<string, object>();
  for (const { name, [which]: version } of await statedVersions())
    for (const file of await readdir(folderOf(name, version))) {
      const schema = content.parse(JSON.parse(await readFile(join(folderOf(name, version), file), 'utf8')));
      const [group, apiVersion, kind] = file.replace('.json', '').split('_');
      if (kind) schemas.set(`${group}/${apiVersion} ${kind}`, schema);
      else ajv.addSchema(schema, 'core');
      for (const [each, definition] of Object.entries(schema.kinds))
        schemas.set(each, { $ref: `core#/definitions/${definition}` });
    }
  return (object: Manifest): string[] => {
    const schema = schemas.get(`${object.apiVersion} ${object.kind}`);
    if (!schema) return [`there is no schema of ${object.apiVersion} ${object.kind}`];
    ajv.validate(schema, object);
    return (ajv.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${object.kind} ${nameOf(object)}${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}
