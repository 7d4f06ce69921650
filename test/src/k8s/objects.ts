// The parts of Kubernetes' objects that the tests look at. That the rest is right is for schemas.ts to say.
import { z } from 'zod';

const labels = z.record(z.string(), z.string());

export const objectShape = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string().optional(),
    generateName: z.string().optional(),
    namespace: z.string().optional(),
    labels: labels.optional(),
  }),
});
export type KubernetesObject = z.infer<typeof objectShape>;

const keyRef = z.looseObject({ name: z.string(), key: z.string(), optional: z.boolean().optional() });
const portName = z.union([z.string(), z.number()]);
const probe = z.looseObject({ httpGet: z.looseObject({ path: z.string(), port: portName }).optional() });
const source = z.looseObject({
  name: z.string().optional(),
  secretName: z.string().optional(),
  optional: z.boolean().optional(),
  defaultMode: z.number().optional(),
  items: z.array(z.looseObject({ key: z.string() })).optional(),
});

const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })).default([]),
  envFrom: z
    .array(
      z.looseObject({
        configMapRef: z.looseObject({ name: z.string() }).optional(),
        secretRef: z.looseObject({ name: z.string() }).optional(),
      }),
    )
    .default([]),
  env: z
    .array(
      z.looseObject({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z
          .looseObject({ secretKeyRef: keyRef.optional(), configMapKeyRef: keyRef.optional() })
          .optional(),
      }),
    )
    .default([]),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  resources: z
    .looseObject({
      requests: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
      limits: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
    })
    .optional(),
  securityContext: z.looseObject({}).optional(),
});
export type Container = z.infer<typeof container>;

const podSpec = z.looseObject({
  serviceAccountName: z.string().optional(),
  automountServiceAccountToken: z.boolean().optional(),
  terminationGracePeriodSeconds: z.number().optional(),
  securityContext: z.looseObject({}).optional(),
  topologySpreadConstraints: z
    .array(z.looseObject({ topologyKey: z.string(), labelSelector: z.unknown() }))
    .default([]),
  initContainers: z.array(container).default([]),
  containers: z.array(container),
  volumes: z
    .array(
      z.looseObject({
        name: z.string(),
        secret: source.optional(),
        configMap: source.optional(),
        persistentVolumeClaim: z.looseObject({ claimName: z.string() }).optional(),
      }),
    )
    .default([]),
});

const workload = z.looseObject({
  spec: z.looseObject({
    replicas: z.number().optional(),
    selector: z.unknown().optional(),
    template: z.looseObject({
      metadata: z.looseObject({ labels, annotations: labels.optional() }),
      spec: podSpec,
    }),
    volumeClaimTemplates: z
      .array(z.looseObject({ metadata: z.looseObject({ name: z.string() }) }))
      .default([]),
  }),
});

export interface Workload {
  readonly kind: string;
  readonly name: string;
  readonly selector: unknown;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly pod: z.infer<typeof podSpec>;
  /** Names that volumes get from claim templates. */
  readonly claims: readonly string[];
}

const WORKLOADS = ['Deployment', 'StatefulSet', 'Job'];
export const SERVICE_NAMES = ['gateway', 'users', 'products', 'orders'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export const nameOf = ({ metadata }: KubernetesObject): string =>
  metadata.name ?? `${metadata.generateName ?? ''}*`;
export const ofKind = (objects: readonly KubernetesObject[], kind: string): KubernetesObject[] =>
  objects.filter((object) => object.kind === kind);

/** Everything that makes pods, but for what operators make. */
export function workloadsOf(objects: readonly KubernetesObject[]): Workload[] {
  return objects
    .filter(({ kind }) => WORKLOADS.includes(kind))
    .map((object) => {
      const { spec } = workload.parse(object);
      return {
        kind: object.kind,
        name: nameOf(object),
        selector: spec.selector,
        labels: spec.template.metadata.labels,
        annotations: spec.template.metadata.annotations ?? {},
        pod: spec.template.spec,
        claims: spec.volumeClaimTemplates.map(({ metadata }) => metadata.name),
      };
    });
}

export const containersOf = ({ pod }: Workload): Container[] => [...pod.initContainers, ...pod.containers];

const expression = z.discriminatedUnion('operator', [
  z.strictObject({ operator: z.enum(['In', 'NotIn']), key: z.string(), values: z.array(z.string()) }),
  z.strictObject({ operator: z.enum(['Exists', 'DoesNotExist']), key: z.string() }),
]);
const selectorShape = z.looseObject({
  matchLabels: labels.default({}),
  matchExpressions: z.array(expression).default([]),
});

function holds(one: z.infer<typeof expression>, value: string | undefined): boolean {
  switch (one.operator) {
    case 'In':
      return value !== undefined && one.values.includes(value);
    case 'NotIn':
      return value === undefined || !one.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** Whether a label selector takes these labels; the empty one takes all. */
export function selects(selector: unknown, of: Readonly<Record<string, string>>): boolean {
  const { matchLabels, matchExpressions } = selectorShape.parse(selector);
  return (
    Object.entries(matchLabels).every(([key, value]) => of[key] === value) &&
    matchExpressions.every((one) => holds(one, of[one.key]))
  );
}
