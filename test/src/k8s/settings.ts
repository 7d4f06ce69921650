// Whether each service is given settings that it knows, all that it needs, and values that it takes.
import { settings as gateway } from '@holdfast/gateway/src/config.ts';
import { settings as orders } from '@holdfast/orders/config';
import { settings as products } from '@holdfast/products/config';
import { settings as users } from '@holdfast/users/src/config.ts';
import { z } from 'zod';
import {
  type Container,
  type KubernetesObject,
  nameOf,
  ofKind,
  SERVICE_NAMES,
  type ServiceName,
  workloadsOf,
} from './objects.ts';

const SHAPES: Record<ServiceName, z.ZodRawShape> = { gateway, users, products, orders };

/** What the other programs read. */
const OTHERS: Record<string, readonly string[]> = {
  'wait-for-migrations': ['DATABASE_URL'],
  migrations: ['DATABASE_URL', 'USERS_DB_PASSWORD', 'PRODUCTS_DB_PASSWORD', 'ORDERS_DB_PASSWORD'],
  promote: ['DATABASE_URL'],
};

/** Given from a Secret whose content nobody knows here. */
const SECRET = Symbol('secret');
type Environment = Record<string, string | typeof SECRET>;

const configMap = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

function environmentOf(container: Container, objects: readonly KubernetesObject[]): Environment {
  const environment: Environment = {};
  for (const { configMapRef } of container.envFrom) {
    const found = ofKind(objects, 'ConfigMap').find((object) => nameOf(object) === configMapRef?.name);
    Object.assign(environment, found ? configMap.parse(found).data : {});
  }
  for (const { name, value } of container.env) environment[name] = value ?? SECRET;
  return environment;
}

/** The settings of a service, without those that come from Secrets. */
export function plainSettings(
  objects: readonly KubernetesObject[],
  service: ServiceName,
): Record<string, string> {
  const workload = workloadsOf(objects).find(({ kind, name }) => kind === 'Deployment' && name === service);
  const container = workload?.pod.containers.find(({ name }) => name === 'service');
  if (!container) throw new Error(`there is no container of ${service}`);
  const entries = Object.entries(environmentOf(container, objects));
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

/** One line for each setting that is unknown, missing or of no use. */
export function settingFaults(objects: readonly KubernetesObject[]): string[] {
  return workloadsOf(objects).flatMap((workload) =>
    [...workload.pod.initContainers, ...workload.pod.containers].flatMap((container) => {
      const environment = environmentOf(container, objects);
      const at = `${workload.name}/${container.name}`;
      const service = SERVICE_NAMES.find((name) => name === workload.name);
      if (service && container.name === 'service') return ofService(at, SHAPES[service], environment);
      const names = OTHERS[container.name];
      if (!names) return [];
      return [...unknown(at, environment, names), ...missing(at, environment, names)];
    }),
  );
}

const unknown = (at: string, environment: Environment, names: readonly string[]): string[] =>
  Object.keys(environment)
    .filter((name) => !names.includes(name))
    .map((name) => `${at}: nobody knows ${name}`);

const missing = (at: string, environment: Environment, names: readonly string[]): string[] =>
  names.filter((name) => environment[name] === undefined).map((name) => `${at}: ${name} is missing`);

/** One line for each setting of `service` that is unknown, missing or of no use. */
export const faultsOfService = (
  service: ServiceName,
  environment: Readonly<Record<string, string>>,
): string[] => ofService(service, SHAPES[service], environment);

function ofService(at: string, shape: z.ZodRawShape, environment: Environment): string[] {
  const names = Object.keys(shape);
  const required = names.filter((name) => !z.safeParse(shape[name] ?? z.any(), undefined).success);
  const useless = names.filter((name) => {
    const value = environment[name];
    // As readSettings does: what is empty is not set.
    return typeof value === 'string' && value !== '' && !z.safeParse(shape[name] ?? z.any(), value).success;
  });
  return [
    ...unknown(at, environment, names),
    ...missing(at, environment, required),
    ...useless.map((name) => `${at}: ${name}=${String(environment[name])} cannot be used`),
  ];
}
