// Holds objects to the API they are for: Kubernetes' own schemas and the operators' definitions, unknown keys refused,
// as the API server does. They are in test/k8s-schemas; scripts/k8s-schemas.mjs says where they come from.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/scripts/settings';
import { Ajv } from 'ajv';
import { z } from 'zod';
import { type KubernetesObject, nameOf } from './objects.ts';

const FOLDER = join(ROOT, 'test/k8s-schemas');
const core = z.object({
  kinds: z.record(z.string(), z.string()),
  definitions: z.record(z.string(), z.unknown()),
});

/** Gives one line for each thing that is wrong with an object. */
export type Validator = (object: KubernetesObject) => string[];

export async function createValidator(): Promise<Validator> {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const read = async (file: string): Promise<unknown> =>
    JSON.parse(await readFile(join(FOLDER, file), 'utf8'));
  const { kinds, definitions } = core.parse(await read('kubernetes.json'));
  ajv.addSchema({ $id: 'kubernetes', definitions });
  // Compiled when first asked for: most kinds are large, and few are met in one test.
  const schemas = new Map<string, object>();
  for (const [kind, definition] of Object.entries(kinds))
    schemas.set(kind, { $ref: `kubernetes#/definitions/${definition}` });
  for (const file of await readdir(FOLDER)) {
    const [group, version, kind] = file.replace(/\.json$/, '').split('_');
    if (kind !== undefined)
      schemas.set(`${group}/${version} ${kind}`, z.looseObject({}).parse(await read(file)));
  }
  return (object) => {
    const kind = `${object.apiVersion} ${object.kind}`;
    const schema = schemas.get(kind);
    const at = `${object.kind} ${nameOf(object)}`;
    if (!schema) return [`${at}: there is no schema of ${kind}`];
    const validate = ajv.compile(schema);
    if (validate(object)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${at}${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}
