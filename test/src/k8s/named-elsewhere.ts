// Names that no API server checks, because they stand in settings, in operators' objects and in what people are told to
// put into Secrets: files in volumes, containers and ports of pods, clusters, certificates, hosts of databases.
import { z } from 'zod';
import {
  type Container,
  containersOf,
  type KubernetesObject,
  nameOf,
  ofKind,
  selects,
  type Workload,
  workloadsOf,
} from './objects.ts';
import { type KeysByName, lacking } from './pod-references.ts';

/** One line for each that leads nowhere. `texts` are the URLs that people are told to use. */
export function brokenNames(
  objects: readonly KubernetesObject[],
  external: KeysByName,
  urls: readonly string[],
): string[] {
  const workloads = workloadsOf(objects);
  return [
    ...ofFiles(objects, workloads),
    ...ofAutoscalers(objects, workloads),
    ...ofPodMonitors(objects, workloads),
    ...ofCertificates(objects, external),
    ...ofDatabase(objects),
    ...ofHosts(objects, urls),
    ...ofSections(objects),
  ];
}

const configMap = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

/** A setting that ends in _FILE names a file of a mounted Secret; in the gateway, one that the image brings. */
function ofFiles(objects: readonly KubernetesObject[], workloads: readonly Workload[]): string[] {
  const settingsOf = ({ envFrom }: Container) =>
    envFrom.flatMap(({ configMapRef }) =>
      ofKind(objects, 'ConfigMap')
        .filter((object) => nameOf(object) === configMapRef?.name)
        .flatMap((object) => Object.entries(configMap.parse(object).data)),
    );
  return workloads
    .filter(({ name }) => name !== 'gateway')
    .flatMap(({ name, pod }) =>
      pod.containers.flatMap((container) =>
        settingsOf(container)
          .filter(([setting]) => setting.endsWith('_FILE'))
          .filter(([, path]) => !container.volumeMounts.some(({ mountPath }) => dirname(path) === mountPath))
          .map(([setting, path]) => `${name}: nothing is mounted where ${setting}=${path} is`),
      ),
    );
}

const dirname = (path: string) => path.slice(0, path.lastIndexOf('/'));

const autoscaler = z.looseObject({
  spec: z.looseObject({
    scaleTargetRef: z.looseObject({ name: z.string() }),
    metrics: z.array(z.looseObject({ containerResource: z.looseObject({ container: z.string() }) })),
  }),
});

function ofAutoscalers(objects: readonly KubernetesObject[], workloads: readonly Workload[]): string[] {
  return ofKind(objects, 'HorizontalPodAutoscaler').flatMap((object) => {
    const { scaleTargetRef, metrics } = autoscaler.parse(object).spec;
    const target = workloads.find(({ name }) => name === scaleTargetRef.name);
    return metrics
      .map(({ containerResource }) => containerResource.container)
      .filter((container) => !target?.pod.containers.some(({ name }) => name === container))
      .map((container) => `HorizontalPodAutoscaler ${nameOf(object)}: no container ${container}`);
  });
}

const monitor = z.looseObject({
  spec: z.looseObject({
    selector: z.unknown(),
    jobLabel: z.string(),
    podMetricsEndpoints: z.array(z.looseObject({ port: z.string() })).default([]),
  }),
});

function ofPodMonitors(objects: readonly KubernetesObject[], workloads: readonly Workload[]): string[] {
  return ofKind(objects, 'PodMonitor').flatMap((object) => {
    const { selector, jobLabel, podMetricsEndpoints } = monitor.parse(object).spec;
    return workloads
      .filter(({ labels }) => selects(selector, labels))
      .flatMap(({ name, labels, pod }) => {
        const open = pod.containers.flatMap(({ ports }) => ports.map((port) => port.name));
        const closed = podMetricsEndpoints.filter(({ port }) => !open.includes(port));
        return [
          ...(labels[jobLabel] === name ? [] : [`PodMonitor: the job of ${name} is ${labels[jobLabel]}`]),
          ...closed.map(({ port }) => `PodMonitor: ${name} has no port ${port}`),
        ];
      });
  });
}

const ingress = z.looseObject({
  spec: z.looseObject({
    tls: z.array(z.looseObject({ hosts: z.array(z.string()), secretName: z.string() })),
    rules: z.array(z.looseObject({ host: z.string() })),
  }),
});
const gateway = z.looseObject({
  spec: z.looseObject({
    listeners: z.array(
      z.looseObject({
        name: z.string(),
        tls: z.looseObject({ certificateRefs: z.array(z.looseObject({ name: z.string() })) }).optional(),
      }),
    ),
  }),
});
const TLS_KEYS = ['tls.crt', 'tls.key'];

function ofCertificates(objects: readonly KubernetesObject[], external: KeysByName): string[] {
  const fromIngress = ofKind(objects, 'Ingress').flatMap((object) => {
    const { tls, rules } = ingress.parse(object).spec;
    const hosts = tls.flatMap((one) => one.hosts);
    return [
      ...tls.flatMap(({ secretName }) => lacking('Ingress', 'Secret', external, secretName, TLS_KEYS)),
      ...rules.filter(({ host }) => !hosts.includes(host)).map(({ host }) => `Ingress: no TLS for ${host}`),
    ];
  });
  const fromGateway = ofKind(objects, 'Gateway')
    .flatMap((object) => gateway.parse(object).spec.listeners)
    .flatMap(({ tls }) => tls?.certificateRefs ?? [])
    .flatMap(({ name }) => lacking('Gateway', 'Secret', external, name, TLS_KEYS));
  return [...fromIngress, ...fromGateway];
}

const ofCluster = z.looseObject({
  spec: z.looseObject({ cluster: z.looseObject({ name: z.string() }) }),
});
const cluster = z.looseObject({
  spec: z.looseObject({
    certificates: z.looseObject({ serverAltDNSNames: z.array(z.string()) }),
    plugins: z.array(z.looseObject({ parameters: z.looseObject({ barmanObjectName: z.string() }) })),
  }),
});

function ofDatabase(objects: readonly KubernetesObject[]): string[] {
  const clusters = ofKind(objects, 'Cluster');
  const stores = ofKind(objects, 'ObjectStore').map(nameOf);
  const poolers = ofKind(objects, 'Pooler');
  const withoutCluster = [...poolers, ...ofKind(objects, 'ScheduledBackup')].filter(
    (object) => !clusters.map(nameOf).includes(ofCluster.parse(object).spec.cluster.name),
  );
  return [
    ...withoutCluster.map((object) => `${object.kind} ${nameOf(object)}: there is no such Cluster`),
    ...clusters.flatMap((object) => {
      const { certificates, plugins } = cluster.parse(object).spec;
      return [
        ...plugins
          .map(({ parameters }) => parameters.barmanObjectName)
          .filter((name) => !stores.includes(name))
          .map((name) => `Cluster: no ObjectStore ${name}`),
        ...poolers
          .map(nameOf)
          .filter((name) => !certificates.serverAltDNSNames.includes(name))
          .map((name) => `Cluster: its certificate is not good for ${name}`),
      ];
    }),
  ];
}

/** By the names that the operators give their Services; the certificate must be where each client of PostgreSQL looks. */
function ofHosts(objects: readonly KubernetesObject[], urls: readonly string[]): string[] {
  const hosts = [
    ...ofKind(objects, 'Pooler').map(nameOf),
    ...ofKind(objects, 'Cluster').map((object) => `${nameOf(object)}-rw`),
    ...ofKind(objects, 'RedisReplication').map((object) => `${nameOf(object)}-master`),
  ];
  const clients = workloadsOf(objects).flatMap((workload) =>
    containersOf(workload)
      .filter(({ env }) => env.some(({ name }) => name === 'DATABASE_URL'))
      .map((container) => ({ at: `${workload.name}/${container.name}`, container, workload })),
  );
  return urls.flatMap((text) => {
    const { hostname, searchParams } = new URL(text);
    const certificate = searchParams.get('sslrootcert');
    const without = certificate === null ? [] : clients.filter((one) => !filesOf(one).includes(certificate));
    return [
      ...(hosts.includes(hostname) ? [] : [`there is no Service ${hostname}`]),
      ...without.map(({ at }) => `${at}: there is no file ${certificate}`),
    ];
  });
}

/** The files of Secrets that a container sees, as far as its volumes name them. */
function filesOf({ container, workload }: { container: Container; workload: Workload }): string[] {
  return container.volumeMounts.flatMap(({ name, mountPath }) => {
    const volume = workload.pod.volumes.find((one) => one.name === name);
    return (volume?.secret?.items ?? []).map(({ key }) => `${mountPath}/${key}`);
  });
}

const route = z.looseObject({
  spec: z.looseObject({ parentRefs: z.array(z.looseObject({ name: z.string(), sectionName: z.string() })) }),
});

function ofSections(objects: readonly KubernetesObject[]): string[] {
  const listeners = ofKind(objects, 'Gateway').flatMap((object) =>
    gateway.parse(object).spec.listeners.map(({ name }) => `${nameOf(object)} ${name}`),
  );
  return ofKind(objects, 'HTTPRoute').flatMap((object) =>
    route
      .parse(object)
      .spec.parentRefs.map(({ name, sectionName }) => `${name} ${sectionName}`)
      .filter((parent) => !listeners.includes(parent))
      .map((parent) => `HTTPRoute ${nameOf(object)}: no listener ${parent}`),
  );
}
