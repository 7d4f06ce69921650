// Checks the settings of each service: no unknown one, every required one, and only valid values.
import { settings as gateway } from '@holdfast/gateway/src/config.ts';
import { settings as orders } from '@holdfast/orders/config';
import { settings as products } from '@holdfast/products/config';
import { settings as users } from '@holdfast/users/src/config.ts';
import { z } from 'zod';
import { type Manifest, nameOf, ofKind, type ServiceName, workloadsOf } from './objects.ts';

const SERVICES: Record<ServiceName, z.ZodRawShape> = { gateway, users, products, orders };

const configMap = z.looseObject({ data: z.record(z.string(), z.string()) });

/** The settings of a service in a cluster: the values, and the names of those from Secrets. */
export function settingsIn(objects: readonly Manifest[], service: ServiceName) {
  const [container] = workloadsOf(objects).find(({ name }) => name === service)?.containers ?? [];
  const { envFrom = [], env = [] } = container ?? {};
  const names = envFrom.map(({ configMapRef }) => configMapRef.name);
  const maps = ofKind(objects, 'ConfigMap').filter((object) => names.includes(nameOf(object)));
  const plain: Record<string, string> = Object.assign({}, ...maps.map((map) => configMap.parse(map).data));
  for (const { name, value } of env) if (value !== undefined) plain[name] = value;
  return { plain, secret: env.filter(({ value }) => value === undefined).map(({ name }) => name) };
}

/** One line for each unknown, missing or invalid setting of a service. The values of `secret` are not known. */
export function settingErrors(
  service: ServiceName,
  plain: Readonly<Record<string, unknown>>,
  secret: readonly string[] = [],
): string[] {
  // As in readSettings, an empty value means that the setting is not set.
  const set = Object.entries(plain).filter(([, value]) => value !== '');
  const given = Object.fromEntries([...set, ...secret.map((name) => [name, 'from a Secret'])]);
  const issues = z.strictObject(SERVICES[service]).safeParse(given).error?.issues ?? [];
  return issues
    .filter(({ path: [name] }) => !secret.includes(String(name)))
    .map(({ path, message }) => `${service}: ${path.join('.')} ${message}`);
}
