// The parts of Kubernetes' objects that the tests look at. That the rest is right is for schemas.ts to say.
import { z } from 'zod';

const labels = z.record(z.string(), z.string());
export const objectShape = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string().default(''),
    labels: labels.default({}),
    annotations: labels.default({}),
  }),
});
export type KubernetesObject = z.infer<typeof objectShape>;

const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })).default([]),
  envFrom: z.array(z.looseObject({ configMapRef: z.looseObject({ name: z.string() }) })).default([]),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
});
export type Container = z.infer<typeof container>;

const workload = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels }),
      spec: z.looseObject({
        initContainers: z.array(container).default([]),
        containers: z.array(container),
      }),
    }),
  }),
});

export const SERVICE_NAMES = ['gateway', 'users', 'products', 'orders'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export const nameOf = ({ metadata }: KubernetesObject): string => metadata.name;
export const ofKind = (objects: readonly KubernetesObject[], ...kinds: string[]): KubernetesObject[] =>
  objects.filter(({ kind }) => kinds.includes(kind));

/** The `spec` of one object. */
export function specOf(objects: readonly KubernetesObject[], kind: string, name: string): unknown {
  const found = ofKind(objects, kind).find((object) => nameOf(object) === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found['spec'];
}

/** Everything that makes pods, but for what operators make. */
export const workloadsOf = (objects: readonly KubernetesObject[]) =>
  ofKind(objects, 'Deployment', 'StatefulSet', 'Job').map((object) => {
    const { metadata, spec: pod } = workload.parse(object).spec.template;
    const containers = [...pod.initContainers, ...pod.containers];
    return { kind: object.kind, name: nameOf(object), labels: metadata.labels, pod, containers };
  });

const selector = z.strictObject({
  matchLabels: labels.default({}),
  matchExpressions: z
    .array(
      z.discriminatedUnion('operator', [
        z.strictObject({ operator: z.literal('In'), key: z.string(), values: z.array(z.string()) }),
        z.strictObject({ operator: z.enum(['Exists', 'DoesNotExist']), key: z.string() }),
      ]),
    )
    .default([]),
});

/** Whether a label selector takes these labels; the empty one takes all. */
export function selects(by: unknown, of: Readonly<Record<string, string>>): boolean {
  const { matchLabels, matchExpressions } = selector.parse(by);
  const holds = (one: (typeof matchExpressions)[number]) =>
    one.operator === 'In'
      ? one.values.includes(of[one.key] ?? '')
      : (one.operator === 'Exists') === one.key in of;
  return (
    Object.entries(matchLabels).every(([key, value]) => of[key] === value) && matchExpressions.every(holds)
  );
}

/** Every object within a value, with the key that it stands under; those of a list under the key of the list. */
export function* within(value: unknown, key = ''): Generator<[key: string, part: Record<string, unknown>]> {
  if (Array.isArray(value)) for (const part of value) yield* within(part, key);
  else if (typeof value === 'object' && value !== null) {
    yield [key, { ...value }];
    for (const [inner, each] of Object.entries(value)) yield* within(each, inner);
  }
}
