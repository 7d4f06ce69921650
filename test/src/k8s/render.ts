// Renders k8s/ as a cluster would get it, with secrets made for the purpose and thrown away.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeSecrets } from '@holdfast/scripts/k8s-secrets';
import { ROOT } from '@holdfast/scripts/settings';
import { parseAllDocuments } from 'yaml';
import { type KubernetesObject, objectShape } from './objects.ts';

/** What is rendered: local, production, and production with each component that is offered beside or instead of another. */
export const VARIANTS = ['local', 'production', 'gateway-api', 'keda', 'restored'] as const;
export type Variant = (typeof VARIANTS)[number];

/** How the kustomizations of a variant differ from those of the overlays. */
const EDITS: Partial<Record<Variant, (text: string) => string>> = {
  'gateway-api': (text) => text.replace('components/ingress', 'components/gateway-api'),
  keda: (text) => (text.includes('autoscaling') ? withComponent(text, 'queue-autoscaling') : text),
  restored: (text) => withComponent(text, 'restored-database'),
};

const rendered = new Map<Variant, Promise<KubernetesObject[]>>();

/** The namespace, and the objects of a variant's overlays. */
export function render(variant: Variant): Promise<KubernetesObject[]> {
  const objects = rendered.get(variant) ?? renderVariant(variant);
  rendered.set(variant, objects);
  return objects;
}

async function renderVariant(variant: Variant): Promise<KubernetesObject[]> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-k8s-'));
  try {
    // Neither the secrets that a developer has made, nor their cluster's.
    const filter = (source: string) => !source.endsWith('/overlays/local/secrets');
    await cp(join(ROOT, 'k8s'), folder, { recursive: true, filter });
    await makeSecrets(join(folder, 'overlays/local/secrets'));
    const objects = parseObjects(await readFile(join(folder, 'namespace.yaml'), 'utf8'));
    for (const overlay of variant === 'local' ? ['local'] : ['production-data', 'production']) {
      const file = join(folder, 'overlays', overlay, 'kustomization.yaml');
      const text = await readFile(file, 'utf8');
      await writeFile(file, EDITS[variant]?.(text) ?? text);
      objects.push(...(await kustomize(join(folder, 'overlays', overlay))));
    }
    return objects;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** With one component more, as the last: what it patches may come from the others. */
function withComponent(text: string, name: string): string {
  const line = `  - ../../components/${name}\n`;
  return text.includes('\ncomponents:\n')
    ? text.replace(/\ncomponents:\n(?: +- .*\n)+/, (list) => list + line)
    : `${text}components:\n${line}`;
}

/** The objects of a folder with a kustomization. */
export async function kustomize(folder: string): Promise<KubernetesObject[]> {
  const command = process.env['HOLDFAST_TEST_KUSTOMIZE'];
  if (!command) throw new Error('no kustomize: run the tests with `npm test`, which looks for one');
  const [program = '', ...args] = command.split(' ');
  const { stdout } = await promisify(execFile)(program, [...args, folder], { maxBuffer: 32_000_000 });
  return parseObjects(stdout);
}

/** The objects of a YAML stream. @throws on YAML that is broken or says a key twice */
export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text, { uniqueKeys: true }).map((document) => {
    const [error] = document.errors;
    if (error) throw error;
    return objectShape.parse(document.toJS());
  });
}
