// Merges services.yaml with compose.yaml and with the stack of a Swarm, as Docker does: maps member by member, and the second file wins.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ROOT } from '@holdfast/local/root';
import { parse } from 'yaml';
import { z } from 'zod';

const map = z.record(z.string(), z.unknown());
const read = (path: string) => map.parse(parse(readFileSync(join(ROOT, path), 'utf8'), { merge: true }));

function merge(base: unknown, own: unknown): unknown {
  const [one, other] = [map.safeParse(base), map.safeParse(own)];
  if (!one.success || !other.success) return own ?? base;
  const names = new Set([...Object.keys(one.data), ...Object.keys(other.data)]);
  return Object.fromEntries([...names].map((name) => [name, merge(one.data[name], other.data[name])]));
}

const list = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const file = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      image: z.string(),
      entrypoint: z.array(z.string()).default([]),
      command: z.array(z.string()).default([]),
      env_file: list.default([]),
      environment: z.record(z.string(), z.string()).default({}),
      secrets: z.array(z.string()).default([]),
    }),
  ),
  secrets: z.record(z.string(), z.object({ file: z.string(), name: z.string().optional() })),
});
export type DockerFile = z.infer<typeof file>;

export const stack = merge(read('services.yaml'), read('swarm/stack.yaml'));
export const swarm = file.parse(stack);
/** Its services extend the services of the same names. */
export const compose = file.parse(merge(read('services.yaml'), read('compose.yaml')));

/** The path of a file of secrets. Each machine makes its own in `folder`. */
export const secretPath = (path: string, folder: string) =>
  path.replace('k8s/overlays/local/secrets', folder);

/** The secrets that a process reads when it starts, by Node's option or by the shell before it. */
export const secretsRead = (entrypoint: readonly string[]): string[] =>
  [...entrypoint.join(' ').matchAll(/\/run\/secrets\/([\w-]+)/g)].flatMap(([, name]) => name ?? []);

/** The settings of a service from files and from its environment. */
export function settingsOf({ services, secrets }: DockerFile, name: string, folder: string) {
  const { env_file = [], entrypoint = [], environment } = services[name] ?? {};
  const files = [...env_file, ...secretsRead(entrypoint).map((secret) => secrets[secret]?.file ?? secret)];
  const texts = files.map((path) => readFileSync(secretPath(path, folder), 'utf8'));
  return map.parse(Object.assign({}, ...texts.map(parseEnv), environment));
}
