// The checks themselves: each manifest here is broken in one way, and each must be found out.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { documentedSecrets } from './external-secrets.js';
import type { KubernetesObject } from './objects.js';
import { brokenReferences, type ExternalSecrets } from './references.js';
import { parseObjects, renderAll } from './render.js';
import { createValidator, type Validator } from './schemas.js';
import { hardeningFaults, imageFaults } from './security.js';
import { settingFaults } from './settings.js';

let whole: KubernetesObject[];
let validate: Validator;
let documented: ExternalSecrets;

beforeAll(async () => {
  const [rendered, ...others] = await Promise.all([renderAll(), createValidator(), documentedSecrets()]);
  whole = rendered.production;
  [validate, documented] = others;
}, 60_000);

const TARGETS = ['gateway', 'users', 'products', 'orders', 'migrations'];

function faults(objects: KubernetesObject[]): string[] {
  return [
    ...objects.flatMap(validate),
    ...brokenReferences(objects, documented),
    ...settingFaults(objects),
    ...hardeningFaults(objects),
    ...imageFaults(objects, TARGETS),
  ];
}

/** One object with `from` replaced by `to` in its JSON; the rest as it is. */
function broken(kind: string, name: string, from: string, to: string): KubernetesObject[] {
  return whole.flatMap((object) => {
    if (object.kind !== kind || !object.metadata.name?.startsWith(name)) return [object];
    const before = JSON.stringify(object);
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    return parseObjects(after);
  });
}

test('nothing is found in the manifests as they are', () => {
  expect(faults(whole)).toEqual([]);
});

describe('it is found when', () => {
  test.each([
    [
      'Deployment',
      'users',
      '"failureThreshold":',
      '"failureTreshold":',
      'must NOT have additional properties',
    ],
    ['Deployment', 'users', '"periodSeconds":2', '"periodSeconds":"2"', 'must be integer'],
    ['Service', 'users', '"sessionAffinity"', '"sesionAffinity"', 'must NOT have additional properties'],
    ['Cluster', 'holdfast-db', '"instances":3', '"instance":3', 'additionalProperty'],
    [
      'Pooler',
      'holdfast-db',
      '"transaction"',
      '"transactions"',
      'must be equal to one of the allowed values',
    ],
    ['RedisReplication', 'holdfast', '"clusterSize"', '"size"', 'must have required property'],
    ['NetworkPolicy', 'gateway', '"from"', '"form"', 'additionalProperty'],
    ['PodMonitor', 'holdfast', '"podMetricsEndpoints"', '"endpoints"', 'additionalProperty'],
    [
      'Deployment',
      'users',
      '"labels":{"app.kubernetes.io/name":"users","app.kubernetes.io/part-of":"holdfast"}},"spec":{"auto',
      '"labels":{"app.kubernetes.io/name":"user"}},"spec":{"auto',
      'its selector does not take its own pods',
    ],
    [
      'Service',
      'orders',
      '"selector":{"app.kubernetes.io/name":"orders"',
      '"selector":{"app.kubernetes.io/name":"order"',
      'takes the pods of 0 workloads',
    ],
    ['Service', 'orders', '"targetPort":"http"', '"targetPort":"web"', 'no pod has port web'],
    ['Ingress', 'gateway', '"name":"http"', '"name":"https"', 'no Service gateway with port https'],
    ['Deployment', 'gateway', '"port":"ops"', '"port":"opps"', 'a probe asks port opps'],
    ['Deployment', 'users', '"configMapRef":{"name":"users', '"configMapRef":{"name":"user', 'no ConfigMap'],
    [
      'Deployment',
      'orders',
      '"name":"holdfast-orders-database"',
      '"name":"holdfast-order-database"',
      'no Secret holdfast-order-database',
    ],
    ['Deployment', 'orders', '"key":"DATABASE_DIRECT_URL"', '"key":"DIRECT_URL"', 'has no DIRECT_URL'],
    [
      'Deployment',
      'orders',
      '"serviceAccountName":"orders"',
      '"serviceAccountName":"order"',
      'no ServiceAccount order',
    ],
    [
      'Deployment',
      'users',
      '"mountPath":"/etc/holdfast/signing-keys","name":"signing-keys"',
      '"mountPath":"/etc/holdfast/signing-keys","name":"keys"',
      'no volume keys',
    ],
    [
      'HorizontalPodAutoscaler',
      'users',
      '"kind":"Deployment","name":"users"',
      '"kind":"Deployment","name":"user"',
      'no Deployment user',
    ],
    [
      'PodDisruptionBudget',
      'users',
      '"app.kubernetes.io/name":"users"',
      '"app.kubernetes.io/name":"user"',
      'selects no pods',
    ],
    [
      'Cluster',
      'holdfast-db',
      '"secret":{"name":"holdfast-db-migrator"}',
      '"secret":{"name":"nobody"}',
      'no Secret nobody',
    ],
    [
      'ConfigMap',
      'users-settings',
      '"SIGNING_KEYS_FILE"',
      '"SIGNING_KEY_FILE"',
      'SIGNING_KEYS_FILE is missing',
    ],
    [
      'ConfigMap',
      'gateway-settings',
      '"INTROSPECTION":"off"',
      '"INTROSPECTION":"no"',
      'INTROSPECTION=no cannot be used',
    ],
    ['ConfigMap', 'orders-settings', '"LOG_LEVEL"', '"LOGLEVEL"', 'nobody knows LOGLEVEL'],
    [
      'Job',
      'migrations',
      '"name":"USERS_DB_PASSWORD"',
      '"name":"USER_DB_PASSWORD"',
      'USERS_DB_PASSWORD is missing',
    ],
    [
      'Deployment',
      'users',
      '"readOnlyRootFilesystem":true',
      '"readOnlyRootFilesystem":false',
      'readOnlyRootFilesystem',
    ],
    ['Deployment', 'users', '"drop":["ALL"]', '"drop":["NET_RAW"]', 'capabilities.drop'],
    ['Deployment', 'users', '"runAsUser":10001', '"runAsUser":0', 'runAsUser'],
    [
      'Deployment',
      'users',
      '"automountServiceAccountToken":false',
      '"automountServiceAccountToken":true',
      'is given a token',
    ],
    ['Deployment', 'users', '"requests":{"cpu":"500m",', '"requests":{', 'resources are not set'],
    ['Deployment', 'users', 'holdfast/users:0.1.0', 'holdfast/users:latest', 'says no version'],
    ['Deployment', 'users', 'holdfast/users:0.1.0', 'holdfast/users:0.2.0', 'the versions differ'],
    ['Deployment', 'users', 'holdfast/users:', 'holdfast/user:', 'no target user'],
  ])('%s %s has %s as %s', (kind, name, from, to, expected) => {
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
