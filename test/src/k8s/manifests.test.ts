// The manifests as a cluster would get them, checked without one: each object by itself, and all of them together.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/scripts/settings';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { disagreements } from './agreements.ts';
import { documentedSecrets, documentedUrls } from './external-secrets.ts';
import { brokenNames } from './named-elsewhere.ts';
import { type KubernetesObject, ofKind, workloadsOf } from './objects.ts';
import { brokenReferences, type ExternalSecrets } from './references.ts';
import { parseObjects, renderAll, VARIANTS, type Variant } from './render.ts';
import { createValidator, type Validator } from './schemas.ts';
import { hardeningFaults, imageFaults } from './security.ts';
import { plainSettings, settingFaults } from './settings.ts';

let rendered: Record<Variant, KubernetesObject[]>;
let validate: Validator;
let documented: ExternalSecrets;

beforeAll(async () => {
  [rendered, validate, documented] = await Promise.all([renderAll(), createValidator(), documentedSecrets()]);
}, 60_000);

/** `FROM … AS name` of the Containerfile. */
async function imageTargets(): Promise<string[]> {
  const text = await readFile(join(ROOT, 'Containerfile'), 'utf8');
  return [...text.matchAll(/^FROM .* AS (\S+)$/gm)].map(([, name = '']) => name);
}

describe.each(VARIANTS)('%s', (variant) => {
  test('is made of objects that their APIs take, without a key that these do not know', () => {
    expect(rendered[variant].length).toBeGreaterThan(20);
    expect(rendered[variant].flatMap(validate)).toEqual([]);
  });

  test('names nothing that is not there, or in the list of Secrets to be made', async () => {
    const external = variant === 'local' ? new Map<string, string[]>() : documented;
    expect(brokenReferences(rendered[variant], external)).toEqual([]);
    const urls = variant === 'local' ? [] : await documentedUrls();
    expect(urls.length).toBe(variant === 'local' ? 0 : 4);
    expect(brokenNames(rendered[variant], external, urls)).toEqual([]);
  });

  test('agrees in who calls whom, whose tokens count and who reads which file', () => {
    expect(disagreements(rendered[variant])).toEqual([]);
  });

  test('gives every service the settings that it needs, and none that it does not know', () => {
    expect(settingFaults(rendered[variant])).toEqual([]);
  });

  test('takes no order without a key: sent twice, it would be two', () => {
    expect(plainSettings(rendered[variant], 'orders')).toMatchObject({ IDEMPOTENCY_KEY: 'required' });
  });

  test('gives no container more than it needs', () => {
    expect(hardeningFaults(rendered[variant])).toEqual([]);
    const [namespace] = ofKind(rendered[variant], 'Namespace');
    expect(namespace?.metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' });
  });

  test('puts everything into one namespace, and carries no secret of its own', () => {
    const outside = rendered[variant].filter(
      ({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'holdfast',
    );
    expect(outside).toEqual([]);
    if (variant !== 'local') expect(ofKind(rendered[variant], 'Secret')).toEqual([]);
  });

  test('runs images that the Containerfile builds, or that somebody publishes, of one version', async () => {
    expect(imageFaults(rendered[variant], await imageTargets())).toEqual([]);
  });
});

test('the services take their settings anew when one changes', () => {
  for (const name of ['users', 'products', 'orders', 'gateway']) {
    const workload = workloadsOf(rendered.production).find((one) => one.name === name);
    const [container] = workload?.pod.containers ?? [];
    expect(container?.envFrom[0]?.configMapRef?.name).toMatch(/-settings-[a-z0-9]{10}$/);
  }
});

test.each(['local', 'production'] as const)(
  'the Job that promotes an account is one that %s takes, and finds what it needs',
  async (variant) => {
    const job = parseObjects(await readFile(join(ROOT, 'k8s/jobs/promote-staff.yaml'), 'utf8'));
    const together = [...rendered[variant], ...job];
    const external = variant === 'local' ? new Map<string, string[]>() : documented;
    expect(job.flatMap(validate)).toEqual([]);
    expect(brokenReferences(together, external)).toEqual([]);
    expect(hardeningFaults(job)).toEqual([]);
    expect(settingFaults(together)).toEqual([]);
    expect(imageFaults(together, await imageTargets())).toEqual([]);
  },
);
