// Whether objects find each other: selectors their pods, references the thing, the key and the port that they name.
import { z } from 'zod';
import { type KubernetesObject, nameOf, ofKind, selects, type Workload, workloadsOf } from './objects.ts';
import { brokenPodReferences, type KeysByName, type Known, lacking } from './pod-references.ts';

/** Names of Secrets that come from elsewhere, with their keys. */
export type ExternalSecrets = KeysByName;

const dataShape = z.looseObject({
  data: z.record(z.string(), z.unknown()).default({}),
  stringData: z.record(z.string(), z.unknown()).default({}),
});

function keysByName(objects: readonly KubernetesObject[], kind: string): Map<string, string[]> {
  return new Map(
    ofKind(objects, kind).map((object) => {
      const { data, stringData } = dataShape.parse(object);
      return [nameOf(object), [...Object.keys(data), ...Object.keys(stringData)]];
    }),
  );
}

/** One line for each reference that leads nowhere. */
export function brokenReferences(objects: readonly KubernetesObject[], external: ExternalSecrets): string[] {
  const known: Known = {
    secrets: new Map([...external, ...keysByName(objects, 'Secret')]),
    configMaps: keysByName(objects, 'ConfigMap'),
    serviceAccounts: ofKind(objects, 'ServiceAccount').map(nameOf),
    claims: ofKind(objects, 'PersistentVolumeClaim').map(nameOf),
  };
  const workloads = workloadsOf(objects);
  return [
    ...doubles(objects),
    ...workloads.flatMap((workload) => brokenPodReferences(workload, known)),
    ...ofServices(objects, workloads),
    ...ofRoutes(objects),
    ...ofTargets(objects, workloads),
    ...inCustomResources(objects, known),
  ];
}

function doubles(objects: readonly KubernetesObject[]): string[] {
  const seen = new Set<string>();
  return objects.flatMap((object) => {
    const id = `${object.kind} ${nameOf(object)}`;
    if (seen.has(id)) return [`${id} is there twice`];
    seen.add(id);
    return [];
  });
}

const serviceShape = z.looseObject({
  spec: z.looseObject({
    selector: z.record(z.string(), z.string()),
    ports: z.array(
      z.looseObject({ name: z.string(), port: z.number(), targetPort: z.union([z.string(), z.number()]) }),
    ),
  }),
});

function ofServices(objects: readonly KubernetesObject[], workloads: readonly Workload[]): string[] {
  return ofKind(objects, 'Service').flatMap((object) => {
    const { selector, ports } = serviceShape.parse(object).spec;
    const at = `Service ${nameOf(object)}`;
    const behind = workloads.filter(({ labels }) => selects({ matchLabels: selector }, labels));
    if (behind.length !== 1) return [`${at}: takes the pods of ${behind.length} workloads`];
    const open = behind.flatMap(({ pod }) => pod.containers.flatMap((container) => container.ports));
    return ports
      .filter(
        ({ targetPort: to }) => !open.some(({ name, containerPort }) => name === to || containerPort === to),
      )
      .map(({ targetPort }) => `${at}: no pod has port ${targetPort}`);
  });
}

const ingressShape = z.looseObject({
  spec: z.looseObject({
    rules: z.array(
      z.looseObject({
        http: z.looseObject({
          paths: z.array(
            z.looseObject({
              backend: z.looseObject({
                service: z.looseObject({ name: z.string(), port: z.looseObject({ name: z.string() }) }),
              }),
            }),
          ),
        }),
      }),
    ),
  }),
});
const routeShape = z.looseObject({
  spec: z.looseObject({
    parentRefs: z.array(z.looseObject({ name: z.string() })),
    rules: z.array(
      z.looseObject({
        backendRefs: z.array(z.looseObject({ name: z.string(), port: z.number() })).default([]),
      }),
    ),
  }),
});

function ofRoutes(objects: readonly KubernetesObject[]): string[] {
  const ports = new Map(
    ofKind(objects, 'Service').map((service) => [nameOf(service), serviceShape.parse(service).spec.ports]),
  );
  const gateways = ofKind(objects, 'Gateway').map(nameOf);
  return [
    ...ofKind(objects, 'Ingress').flatMap((ingress) =>
      ingressShape
        .parse(ingress)
        .spec.rules.flatMap(({ http }) => http.paths)
        .map(({ backend }) => backend.service)
        .filter(({ name, port }) => !ports.get(name)?.some((open) => open.name === port.name))
        .map(({ name, port }) => `Ingress ${nameOf(ingress)}: no Service ${name} with port ${port.name}`),
    ),
    ...ofKind(objects, 'HTTPRoute').flatMap((route) => {
      const { parentRefs, rules } = routeShape.parse(route).spec;
      const at = `HTTPRoute ${nameOf(route)}`;
      return [
        ...parentRefs
          .filter(({ name }) => !gateways.includes(name))
          .map(({ name }) => `${at}: no Gateway ${name}`),
        ...rules
          .flatMap(({ backendRefs }) => backendRefs)
          .filter(({ name, port }) => !ports.get(name)?.some((open) => open.port === port))
          .map(({ name, port }) => `${at}: no Service ${name} with port ${port}`),
      ];
    }),
  ];
}

const targetShape = z.looseObject({
  spec: z.looseObject({ scaleTargetRef: z.looseObject({ name: z.string() }) }),
});
const selectorShape = z.looseObject({ spec: z.looseObject({ selector: z.unknown() }) });

/** Pods that operators make are not among the workloads: their labels are the operators'. */
const OPERATORS_LABELS = /cnpg\.io|redis_setup_type/;

function ofTargets(objects: readonly KubernetesObject[], workloads: readonly Workload[]): string[] {
  const scaled = [...ofKind(objects, 'HorizontalPodAutoscaler'), ...ofKind(objects, 'ScaledObject')];
  const selecting = [...ofKind(objects, 'PodDisruptionBudget'), ...ofKind(objects, 'PodMonitor')];
  return [
    ...scaled.flatMap((object) => {
      const { name } = targetShape.parse(object).spec.scaleTargetRef;
      const found = workloads.some((workload) => workload.kind === 'Deployment' && workload.name === name);
      return found ? [] : [`${object.kind} ${nameOf(object)}: no Deployment ${name}`];
    }),
    ...selecting.flatMap((object) => {
      const { selector } = selectorShape.parse(object).spec;
      if (OPERATORS_LABELS.test(JSON.stringify(selector))) return [];
      return workloads.some(({ labels }) => selects(selector, labels))
        ? []
        : [`${object.kind} ${nameOf(object)}: selects no pods`];
    }),
  ];
}

/** `{name, key}`, `passwordSecret: {name}` and the like, wherever they stand in an operator's object. */
const secretRef = z.looseObject({ name: z.string(), key: z.string().optional() });
const SECRET_KEYS = ['secret', 'passwordSecret', 'redisSecret', 'accessKeyId', 'secretAccessKey'];
const BASIC_AUTH = ['username', 'password'];

function inCustomResources(objects: readonly KubernetesObject[], known: Known): string[] {
  const walk = (at: string, value: unknown): string[] => {
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, inner]) => {
      const reference = SECRET_KEYS.includes(key) ? secretRef.safeParse(inner).data : undefined;
      if (!reference) return walk(at, inner);
      const keys = reference.key ? [reference.key] : BASIC_AUTH;
      return lacking(at, 'Secret', known.secrets, reference.name, keys);
    });
  };
  return ['Cluster', 'ObjectStore', 'RedisReplication']
    .flatMap((kind) => ofKind(objects, kind))
    .flatMap((object) => walk(`${object.kind} ${nameOf(object)}`, object['spec']));
}
