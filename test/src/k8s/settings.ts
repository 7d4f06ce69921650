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
  type ServiceName,
  workloadsOf,
} from './objects.ts';

export const SERVICE_SETTINGS: Record<ServiceName, z.ZodRawShape> = { gateway, users, products, orders };

const url = { DATABASE_URL: z.string() };
const passwords = ['USERS_DB_PASSWORD', 'PRODUCTS_DB_PASSWORD', 'ORDERS_DB_PASSWORD'];
/** What the other programs of ours read, by their containers. */
const PROGRAMS: Record<string, z.ZodRawShape> = {
  'wait-for-migrations': url,
  promote: url,
  migrations: { ...url, ...Object.fromEntries(passwords.map((name) => [name, z.string()])) },
};

const configMap = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

/** What a container is given: the values, and the names of those that come from Secrets. */
function givenTo({ envFrom, env }: Container, objects: readonly KubernetesObject[]) {
  const names = envFrom.map(({ configMapRef }) => configMapRef.name);
  const maps = ofKind(objects, 'ConfigMap').filter((object) => names.includes(nameOf(object)));
  const plain: Record<string, string> = Object.assign({}, ...maps.map((map) => configMap.parse(map).data));
  for (const { name, value } of env) if (value !== undefined) plain[name] = value;
  return { plain, secret: env.filter(({ value }) => value === undefined).map(({ name }) => name) };
}

/** The settings of a service, without those that come from Secrets. */
export function plainSettings(objects: readonly KubernetesObject[], service: ServiceName) {
  const [container] = workloadsOf(objects).find(({ name }) => name === service)?.containers ?? [];
  return container ? givenTo(container, objects).plain : {};
}

/** One line for each setting of a container of ours that is unknown, missing or of no use. */
export const settingFaults = (objects: readonly KubernetesObject[]): string[] =>
  workloadsOf(objects).flatMap(({ name, containers }) =>
    containers
      .filter(({ image }) => image.startsWith('holdfast/'))
      .flatMap((container) => {
        const shape = { ...SERVICE_SETTINGS, ...PROGRAMS }[
          container.name === 'service' ? name : container.name
        ];
        const { plain, secret } = givenTo(container, objects);
        return faultsOf(`${name}/${container.name}`, shape ?? {}, plain, secret);
      }),
  );

/** One line for each fault of the settings that a program is given at a place; of `secret` the values are not known. */
export function faultsOf(
  at: string,
  shape: z.ZodRawShape,
  plain: Readonly<Record<string, unknown>>,
  secret: readonly string[] = [],
): string[] {
  // As readSettings does: what is empty is not set.
  const set = Object.entries(plain).filter(([, value]) => value !== '');
  const given = Object.fromEntries([...set, ...secret.map((name) => [name, 'from a Secret'])]);
  const issues = z.strictObject(shape).safeParse(given).error?.issues ?? [];
  return issues
    .filter(({ path: [name] }) => !secret.includes(String(name)))
    .map(({ path, message }) => `${at}: ${path.join('.')} ${message}`);
}
