// Whether what a pod names is there: its account, its volumes, its settings, the ports of its probes.
import { type Container, containersOf, selects, type Workload } from './objects.ts';

/** Secrets or ConfigMaps by name, with their keys. */
export type KeysByName = ReadonlyMap<string, readonly string[]>;

export interface Known {
  readonly secrets: KeysByName;
  readonly configMaps: KeysByName;
  readonly serviceAccounts: readonly string[];
  readonly claims: readonly string[];
}

/** A line when there is no `what` of that name, or one for each key that it lacks. */
export function lacking(
  at: string,
  what: string,
  from: KeysByName,
  name: string,
  keys: readonly string[],
): string[] {
  const present = from.get(name);
  if (!present) return [`${at}: no ${what} ${name}`];
  return keys.filter((key) => !present.includes(key)).map((key) => `${at}: ${what} ${name} has no ${key}`);
}

export function brokenPodReferences(workload: Workload, known: Known): string[] {
  const at = `${workload.kind} ${workload.name}`;
  const account = workload.pod.serviceAccountName;
  const volumes = [...workload.pod.volumes.map(({ name }) => name), ...workload.claims];
  return [
    ...(workload.selector !== undefined && !selects(workload.selector, workload.labels)
      ? [`${at}: its selector does not take its own pods`]
      : []),
    ...(account && !known.serviceAccounts.includes(account) ? [`${at}: no ServiceAccount ${account}`] : []),
    ...ofVolumes(at, workload, known),
    ...containersOf(workload).flatMap((container) => [
      ...ofSettings(at, container, known),
      ...container.volumeMounts
        .filter(({ name }) => !volumes.includes(name))
        .map(({ name }) => `${at}: no volume ${name}`),
      ...ofProbes(at, container),
    ]),
  ];
}

function ofVolumes(at: string, { pod }: Workload, known: Known): string[] {
  return pod.volumes.flatMap(({ secret, configMap, persistentVolumeClaim: claim }) => {
    const keys = (secret ?? configMap)?.items?.map(({ key }) => key) ?? [];
    if (secret?.secretName && !secret.optional)
      return lacking(at, 'Secret', known.secrets, secret.secretName, keys);
    if (configMap?.name) return lacking(at, 'ConfigMap', known.configMaps, configMap.name, keys);
    return claim && !known.claims.includes(claim.claimName) ? [`${at}: no claim ${claim.claimName}`] : [];
  });
}

function ofSettings(at: string, { envFrom, env }: Container, known: Known): string[] {
  const secret = (name: string, keys: string[]) => lacking(at, 'Secret', known.secrets, name, keys);
  const configMap = (name: string, keys: string[]) => lacking(at, 'ConfigMap', known.configMaps, name, keys);
  return [
    ...envFrom.flatMap(({ configMapRef, secretRef }) => [
      ...(configMapRef ? configMap(configMapRef.name, []) : []),
      ...(secretRef ? secret(secretRef.name, []) : []),
    ]),
    ...env.flatMap(({ valueFrom: { secretKeyRef, configMapKeyRef } = {} }) => [
      ...(secretKeyRef ? secret(secretKeyRef.name, [secretKeyRef.key]) : []),
      ...(configMapKeyRef ? configMap(configMapKeyRef.name, [configMapKeyRef.key]) : []),
    ]),
  ];
}

function ofProbes(at: string, container: Container): string[] {
  return [container.startupProbe, container.livenessProbe, container.readinessProbe].flatMap((probe) => {
    const port = probe?.httpGet?.port;
    if (port === undefined) return [];
    const found = container.ports.some(({ name, containerPort }) => name === port || containerPort === port);
    return found ? [] : [`${at}: a probe asks port ${port}, which there is not`];
  });
}
