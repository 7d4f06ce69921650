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
const text = z.string();
const MIGRATIONS = { USERS_DB_PASSWORD: text, PRODUCTS_DB_PASSWORD: text, ORDERS_DB_PASSWORD: text };
const OTHERS: Record<string, z.ZodRawShape> = {
  'wait-for-migrations': { DATABASE_URL: text },
  migrations: { DATABASE_URL: text, ...MIGRATIONS },
  promote: { DATABASE_URL: text },
};

/** A value that comes from a Secret, and is not known here. */
const SECRET = Symbol('secret');
type Environment = Record<string, string | typeof SECRET>;

const configMap = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

function environmentOf(container: Container, objects: readonly KubernetesObject[]): Environment {
  const names = container.envFrom.map(({ configMapRef }) => configMapRef.name);
  const maps = ofKind(objects, 'ConfigMap').filter((object) => names.includes(nameOf(object)));
  return Object.assign(
    {},
    ...maps.map((object) => configMap.parse(object).data),
    ...container.env.map(({ name, value }) => ({ [name]: value ?? SECRET })),
  );
}

/** The settings of a service, without those that come from Secrets. */
export function plainSettings(
  objects: readonly KubernetesObject[],
  service: ServiceName,
): Record<string, string> {
  const workload = workloadsOf(objects).find(({ kind, name }) => kind === 'Deployment' && name === service);
  const container = workload?.containers.find(({ name }) => name === 'service');
  if (!container) throw new Error(`there is no container of ${service}`);
  const entries = Object.entries(environmentOf(container, objects));
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === SECRET ? [] : [[name, value]])));
}

/** One line for each setting of a container of ours that is unknown, missing or of no use. */
export const settingFaults = (objects: readonly KubernetesObject[]): string[] =>
  workloadsOf(objects).flatMap(({ name, containers }) =>
    containers.flatMap((container) => {
      const service = SERVICE_NAMES.find((one) => one === name && container.name === 'service');
      const shape = service ? SHAPES[service] : OTHERS[container.name];
      return shape ? faultsOf(`${name}/${container.name}`, shape, environmentOf(container, objects)) : [];
    }),
  );

/** One line for each setting of `service` that is unknown, missing or of no use. */
export const faultsOfService = (
  service: ServiceName,
  environment: Readonly<Record<string, string>>,
): string[] => faultsOf(service, SHAPES[service], environment);

function faultsOf(at: string, shape: z.ZodRawShape, environment: Environment): string[] {
  const unknown = Object.keys(environment).filter((name) => !(name in shape));
  const takes = (name: string, value: unknown) => z.safeParse(shape[name] ?? z.any(), value).success;
  return [
    ...unknown.map((name) => `${at}: no such setting ${name}`),
    ...Object.keys(shape).flatMap((name) => {
      // As readSettings does: what is empty is not set.
      const value = environment[name] === '' ? undefined : environment[name];
      if (value === SECRET || takes(name, value)) return [];
      return [value === undefined ? `${at}: ${name} is missing` : `${at}: ${name}=${value} cannot be used`];
    }),
  ];
}
