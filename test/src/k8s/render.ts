// Renders k8s/ as a cluster would get it, with secrets made for the purpose and thrown away.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSecrets } from '@holdfast/scripts/k8s-secrets';
import { ROOT } from '@holdfast/scripts/settings';
import { parseAllDocuments } from 'yaml';
import { type KubernetesObject, objectShape } from './objects.ts';

/** What is rendered: the overlays, and production with each component that is offered instead of another. */
export const VARIANTS = ['local', 'production', 'production-gateway-api', 'production-keda'] as const;
export type Variant = (typeof VARIANTS)[number];

/** Renders every variant. `edit` may change the copy of k8s/ before. */
export async function renderAll(
  edit: (folder: string) => Promise<void> = async () => undefined,
): Promise<Record<Variant, KubernetesObject[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-k8s-'));
  try {
    await cp(join(ROOT, 'k8s'), folder, {
      recursive: true,
      // Neither the secrets that somebody has made, nor their cluster's.
      filter: (source) => !source.endsWith('/overlays/local/secrets'),
    });
    await makeSecrets(join(folder, 'overlays/local/secrets'));
    await alter(folder, 'production-gateway-api', (text) =>
      text.replace('components/ingress', 'components/gateway-api'),
    );
    await alter(folder, 'production-keda', (text) =>
      text.replace(/^components:\n/m, 'components:\n  - ../../components/queue-autoscaling\n'),
    );
    await edit(folder);
    const rendered = await Promise.all(VARIANTS.map((variant) => render(join(folder, 'overlays', variant))));
    const [local = [], production = [], gatewayApi = [], keda = []] = rendered;
    return { local, production, 'production-gateway-api': gatewayApi, 'production-keda': keda };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The production overlay as `name`, with another list of components. */
async function alter(folder: string, name: string, change: (text: string) => string): Promise<void> {
  const target = join(folder, 'overlays', name);
  await cp(join(folder, 'overlays/production'), target, { recursive: true });
  const file = join(target, 'kustomization.yaml');
  const before = await readFile(file, 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`${name} would be production`);
  await writeFile(file, after);
}

async function render(folder: string): Promise<KubernetesObject[]> {
  const command = process.env['HOLDFAST_TEST_KUSTOMIZE'];
  if (!command) throw new Error('no kustomize: run the tests with `npm test`, which looks for one');
  const [program = '', ...args] = command.split(' ');
  return parseObjects(await output(program, [...args, folder]));
}

function output(program: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 32_000_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')} failed: ${stderr}`));
      else resolve(stdout);
    });
  });
}

/** The objects of a YAML stream. @throws on YAML that is broken or says a key twice */
export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text, { uniqueKeys: true }).map((document) => {
    const [error] = document.errors;
    if (error) throw error;
    return objectShape.parse(document.toJS());
  });
}
