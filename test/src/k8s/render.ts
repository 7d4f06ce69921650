// Renders k8s/ as a cluster receives it, with temporary secrets.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/local/root';
import { makeSecrets } from '@holdfast/local/settings/k8s-secrets';
import { parseAllDocuments } from 'yaml';
import { type Manifest, objectShape } from './objects.ts';

/** The optional and alternative components. */
const COMPONENTS = ['gateway-api', 'queue-autoscaling', 'restored-database'] as const;
/** The rendered variants: local, production, and production with each of these components. */
export const VARIANTS = ['local', 'production', ...COMPONENTS] as const;
export type Variant = (typeof VARIANTS)[number];

const rendered: Partial<Record<Variant, Promise<Manifest[]>>> = {};

/** The namespace, and the objects of a variant's overlays. */
export function render(variant: Variant): Promise<Manifest[]> {
  rendered[variant] ??= renderVariant(variant);
  return rendered[variant];
}

async function renderVariant(variant: Variant): Promise<Manifest[]> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-k8s-'));
  try {
    // The copy leaves out the secrets of the developer and of the cluster.
    const filter = (source: string) => !source.endsWith('/overlays/local/secrets');
    await cp(join(ROOT, 'k8s'), folder, { recursive: true, filter });
    await makeSecrets(join(folder, 'overlays/local/secrets'));
    const overlays = variant === 'local' ? ['local'] : ['production-data', 'production'];
    const resources = ['namespace.yaml', ...overlays.map((name) => `overlays/${name}`)];
    const components = COMPONENTS.filter((name) => name === variant).map((name) => `components/${name}`);
    const kustomization = { namespace: 'holdfast', resources, components };
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    return await kustomize(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The objects of a folder with a kustomization. */
export async function kustomize(folder: string): Promise<Manifest[]> {
  const command = process.env['HOLDFAST_TEST_KUSTOMIZE'];
  if (!command) throw new Error('no kustomize: run the tests with `npm test`, which looks for one');
  const [program = '', ...args] = command.split(' ');
  const { stdout } = await promisify(execFile)(program, [...args, folder], { maxBuffer: 32_000_000 });
  return parseObjects(stdout);
}

/** The objects of a YAML stream. */
export const parseObjects = (text: string): Manifest[] =>
  parseAllDocuments(text).map((document) => objectShape.parse(document.toJS()));
