// In what objects must agree with each other: who calls with who is called, who signs with who verifies, the mode of a
// secret file with the user who reads it.
import { z } from 'zod';
import {
  type KubernetesObject,
  nameOf,
  ofKind,
  SERVICE_NAMES,
  type Workload,
  workloadsOf,
} from './objects.ts';
import { plainSettings } from './settings.ts';

/** One line for each disagreement. */
export function disagreements(objects: readonly KubernetesObject[]): string[] {
  const workloads = workloadsOf(objects);
  return [...ofUrls(objects), ...ofTokens(objects), ...ofSecretFiles(workloads), ...ofWaiting(workloads)];
}

const service = z.looseObject({
  spec: z.looseObject({ ports: z.array(z.looseObject({ name: z.string(), port: z.number() })) }),
});

/** A URL of a setting is a Service's, and the port that is for callers. */
function ofUrls(objects: readonly KubernetesObject[]): string[] {
  const open = ofKind(objects, 'Service').flatMap((object) =>
    service
      .parse(object)
      .spec.ports.filter(({ name }) => name === 'http')
      .map(({ port }) => `${nameOf(object)}:${port}`),
  );
  return SERVICE_NAMES.flatMap((name) =>
    Object.entries(plainSettings(objects, name))
      .filter(([setting, value]) => setting.endsWith('_URL') && !open.includes(new URL(value).host))
      .map(([setting, value]) => `${name}: no Service is at ${setting}=${value}`),
  );
}

function ofTokens(objects: readonly KubernetesObject[]): string[] {
  return ['JWT_ISSUER', 'JWT_AUDIENCE'].flatMap((setting) => {
    const values = new Set(SERVICE_NAMES.map((name) => plainSettings(objects, name)[setting]));
    return values.size === 1 ? [] : [`${setting} is ${[...values].join(' here and ')} there`];
  });
}

const OTHERS_READ = 0o004;

/** Files of a Secret belong to root: who is somebody else reads them as one of all, or by the group that is given. */
function ofSecretFiles(workloads: readonly Workload[]): string[] {
  return workloads.flatMap(({ name, pod }) =>
    pod.volumes
      .filter(({ secret }) => secret?.defaultMode !== undefined && (secret.defaultMode & OTHERS_READ) === 0)
      .filter(() => pod.securityContext?.['fsGroup'] === undefined)
      .map((volume) => `${name}: nobody but root can read ${volume.name}`),
  );
}

/** Without its argument it would migrate, with a role that cannot. */
function ofWaiting(workloads: readonly Workload[]): string[] {
  return workloads.flatMap(({ name, pod }) =>
    pod.initContainers
      .filter((container) => container.name === 'wait-for-migrations' && container.args?.join(' ') !== 'wait')
      .map((container) => `${name}: waits by ${container.args?.join(' ')}`),
  );
}
