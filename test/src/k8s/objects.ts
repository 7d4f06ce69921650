// The parts of Kubernetes objects that the tests read. schemas.ts checks the other parts.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { z } from 'zod';

const labels = z.record(z.string(), z.string());
const metadata = z.looseObject({ name: z.string().default(''), annotations: labels.default({}) });
export const objectShape = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata });
export type Manifest = z.infer<typeof objectShape>;

const containers = z.array(
  z.looseObject({
    name: z.string(),
    image: z.string(),
    args: z.array(z.string()).default([]),
    ports: z.array(z.looseObject({ containerPort: z.number() })).default([]),
    envFrom: z.array(z.looseObject({ configMapRef: z.looseObject({ name: z.string() }) })).default([]),
    env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  }),
);

const pods = z.looseObject({ initContainers: containers.default([]), containers });
const template = z.looseObject({ metadata: z.looseObject({ labels }), spec: pods });
const workload = z.looseObject({ spec: z.looseObject({ template }) });

export const SERVICE_NAMES = ['gateway', 'users', 'products', 'orders'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export const nameOf = ({ metadata }: Manifest): string => metadata.name;
export const ofKind = (objects: readonly Manifest[], ...kinds: string[]): Manifest[] =>
  objects.filter(({ kind }) => kinds.includes(kind));

/** The objects that make pods, without those of operators. The init containers come after the other containers. */
export const workloadsOf = (objects: readonly Manifest[]) =>
  ofKind(objects, 'Deployment', 'StatefulSet', 'Job').map((object) => {
    const { metadata, spec } = workload.parse(object).spec.template;
    const all = [...spec.containers, ...spec.initContainers];
    return { name: nameOf(object), labels: metadata.labels, containers: all };
  });

/** Every object inside a value, with its key. Objects in a list have the key of the list. */
export function* within(value: unknown, key = ''): Generator<[key: string, part: Record<string, unknown>]> {
  if (Array.isArray(value)) for (const part of value) yield* within(part, key);
  else if (typeof value === 'object' && value !== null) {
    yield [key, { ...value }];
    for (const [inner, each] of Object.entries(value)) yield* within(each, inner);
  }
}

const OURS = /^(?:holdfast|\$\{REGISTRY:-holdfast\})\/([\w-]+):(.+)$/;

/** One line for each image that the Containerfile does not build and that has no digest, and one if ours have several versions. */
export async function imageErrors(images: readonly string[]): Promise<string[]> {
  const containerfile = await readFile(join(ROOT, 'Containerfile'), 'utf8');
  const ours = images.filter((image) => OURS.test(image));
  const others = images.filter((image) => !OURS.test(image));
  const versions = new Set(ours.map((image) => image.replace(OURS, '$2')));
  return [
    ...ours.filter((image) => !containerfile.includes(` AS ${image.replace(OURS, '$1')}\n`)),
    ...others.filter((image) => !/:v?\d[\w.-]*@sha256:[0-9a-f]{64}$/.test(image)),
    ...(versions.size === 1 ? [] : versions),
  ];
}
