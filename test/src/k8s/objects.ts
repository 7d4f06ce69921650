// The parts of Kubernetes' objects that the tests look at. That the rest is right is for schemas.ts to say.
import { z } from 'zod';

const labels = z.record(z.string(), z.string());

export const objectShape = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string().default(''),
    namespace: z.string().optional(),
    annotations: labels.default({}),
    labels: labels.default({}),
  }),
});
export type KubernetesObject = z.infer<typeof objectShape>;

const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()).default([]),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })).default([]),
  envFrom: z.array(z.looseObject({ configMapRef: z.looseObject({ name: z.string() }) })).default([]),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
});
export type Container = z.infer<typeof container>;

const podSpec = z.looseObject({
  terminationGracePeriodSeconds: z.number().optional(),
  securityContext: z.looseObject({}).default({}),
  initContainers: z.array(container).default([]),
  containers: z.array(container),
  volumes: z.array(z.looseObject({ name: z.string(), secret: z.looseObject({}).optional() })).default([]),
});
const workload = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels, annotations: labels.default({}) }),
      spec: podSpec,
    }),
  }),
});

export interface Workload {
  readonly kind: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly pod: z.infer<typeof podSpec>;
  readonly containers: readonly Container[];
}

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
export const workloadsOf = (objects: readonly KubernetesObject[]): Workload[] =>
  ofKind(objects, 'Deployment', 'StatefulSet', 'Job').map((object) => {
    const { metadata, spec: pod } = workload.parse(object).spec.template;
    const { labels: of, annotations } = metadata;
    const containers = [...pod.initContainers, ...pod.containers];
    return { kind: object.kind, name: nameOf(object), labels: of, annotations, pod, containers };
  });

const selectorShape = z.strictObject({
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
export function selects(selector: unknown, of: Readonly<Record<string, string>>): boolean {
  const { matchLabels, matchExpressions } = selectorShape.parse(selector);
  return (
    Object.entries(matchLabels).every(([key, value]) => of[key] === value) &&
    matchExpressions.every((one) =>
      one.operator === 'In'
        ? one.values.includes(of[one.key] ?? '')
        : (one.operator === 'Exists') === (of[one.key] !== undefined),
    )
  );
}

/** Every object within a value, with the key that it stands under. */
export function* within(value: unknown, key = ''): Generator<[key: string, part: Record<string, unknown>]> {
  if (Array.isArray(value)) for (const part of value) yield* within(part, key);
  const part = z.record(z.string(), z.unknown()).safeParse(value).data;
  if (!part || Array.isArray(value)) return;
  yield [key, part];
  for (const [inner, each] of Object.entries(part)) yield* within(each, inner);
}
