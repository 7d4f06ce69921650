// The checks themselves: each manifest here is broken in one way, and each must be found out.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { disagreements } from './agreements.ts';
import { BREAKAGES } from './breakages.ts';
import { documentedSecrets, documentedUrls } from './external-secrets.ts';
import { brokenNames } from './named-elsewhere.ts';
import type { KubernetesObject } from './objects.ts';
import { brokenReferences, type ExternalSecrets } from './references.ts';
import { parseObjects, renderAll } from './render.ts';
import { createValidator, type Validator } from './schemas.ts';
import { hardeningFaults, imageFaults } from './security.ts';
import { settingFaults } from './settings.ts';

let whole: KubernetesObject[];
let validate: Validator;
let documented: ExternalSecrets;
let urls: string[];
/** Its parts that production has the other way. */
let gatewayApi: KubernetesObject[];

beforeAll(async () => {
  const [rendered, ...others] = await Promise.all([
    renderAll(),
    createValidator(),
    documentedSecrets(),
    documentedUrls(),
  ]);
  whole = rendered.production;
  gatewayApi = rendered['production-gateway-api'].filter(({ apiVersion }) =>
    apiVersion.startsWith('gateway.'),
  );
  [validate, documented, urls] = others;
}, 60_000);

const TARGETS = ['gateway', 'users', 'products', 'orders', 'migrations'];

function faults(objects: KubernetesObject[]): string[] {
  return [
    ...objects.flatMap(validate),
    ...brokenReferences(objects, documented),
    ...brokenNames(objects, documented, urls),
    ...disagreements(objects),
    ...settingFaults(objects),
    ...hardeningFaults(objects),
    ...imageFaults(objects, TARGETS),
  ];
}

/** One object with `from` replaced by `to` in its JSON; the rest as it is. */
function broken(kind: string, name: string, from: string, to: string): KubernetesObject[] {
  return [...whole, ...gatewayApi].flatMap((object) => {
    if (object.kind !== kind || !object.metadata.name?.startsWith(name)) return [object];
    const before = JSON.stringify(object);
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    return parseObjects(after);
  });
}

test('nothing is found in the manifests as they are', () => {
  expect(faults([...whole, ...gatewayApi])).toEqual([]);
});

describe('it is found when', () => {
  test.each(BREAKAGES)('%s %s has %s as %s', (kind, name, from, to, expected) => {
    const found = faults(broken(kind, name, from, to));
    expect(found.join('\n')).toMatch(new RegExp(expected));
  });

  test('a key stands twice in a file', () => {
    expect(() => parseObjects('apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata: {name: a}')).toThrow(
      /unique/,
    );
  });

  test('a kustomization names a file that is not there', async () => {
    const rendering = renderAll(async (folder) => {
      const file = join(folder, 'base/kustomization.yaml');
      await writeFile(file, (await readFile(file, 'utf8')).replace('users.yaml', 'user.yaml'));
    });
    await expect(rendering).rejects.toThrow(/user\.yaml/);
  }, 60_000);
});
