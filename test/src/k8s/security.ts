// What a container may do, beyond what the restricted Pod Security Standard asks: the least there is.
import { z } from 'zod';
import { containersOf, type KubernetesObject, workloadsOf } from './objects.ts';

const podContext = z.looseObject({
  runAsNonRoot: z.literal(true),
  runAsUser: z.number().min(1),
  seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
});
const containerContext = z.strictObject({
  allowPrivilegeEscalation: z.literal(false),
  capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
  readOnlyRootFilesystem: z.literal(true),
  runAsNonRoot: z.literal(true),
});
const OURS = 10001;

const issues = (at: string, schema: z.ZodType, value: unknown): string[] => {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) => `${at} ${path.join('.')}: ${message}`);
};

/** One line for each right too many, and for each container without requests or a limit of memory. */
export function hardeningFaults(objects: readonly KubernetesObject[]): string[] {
  return workloadsOf(objects).flatMap((workload) => {
    const { name, pod } = workload;
    return [
      ...issues(name, podContext, pod.securityContext),
      ...(pod.automountServiceAccountToken === false ? [] : [`${name}: is given a token of the API server`]),
      ...containersOf(workload).flatMap((container) => {
        const at = `${name}/${container.name}`;
        const { requests = {}, limits = {} } = container.resources ?? {};
        const ours = container.image.startsWith('holdfast/');
        return [
          ...issues(at, containerContext, container.securityContext),
          ...(requests['cpu'] && requests['memory'] && limits['memory']
            ? []
            : [`${at}: resources are not set`]),
          ...(ours && pod.securityContext?.['runAsUser'] !== OURS ? [`${at}: does not run as ${OURS}`] : []),
        ];
      }),
    ];
  });
}

/** One line for each image that is of no version, of another version than the rest, or of no target. */
export function imageFaults(objects: readonly KubernetesObject[], targets: readonly string[]): string[] {
  const images = workloadsOf(objects).flatMap((workload) => containersOf(workload).map(({ image }) => image));
  const ours = images.filter((image) => image.startsWith('holdfast/'));
  const versions = new Set(ours.map((image) => image.split(':')[1]));
  return [
    ...images
      .filter((image) => !/:[\w.-]*\d[\w.-]*$/.test(image) || image.endsWith(':latest'))
      .map((image) => `${image} says no version`),
    ...(versions.size > 1 ? [`the versions differ: ${[...versions].join(', ')}`] : []),
    ...ours
      .map((image) => image.replace(/^holdfast\/([^:]+).*$/, '$1'))
      .filter((target) => !targets.includes(target))
      .map((target) => `the Containerfile has no target ${target}`),
  ];
}
