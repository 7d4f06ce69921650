// services.yaml with compose.yaml, or with the stack of a Swarm, put together as Docker does: maps member by member, and what the
// second file says otherwise wins.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseEnv } from 'node:util';
import { ROOT } from '@holdfast/scripts/settings';
import { parse } from 'yaml';
import { z } from 'zod';

const SECRETS = 'k8s/overlays/local/secrets/';

const file = z.looseObject({ services: z.record(z.string(), z.looseObject({})) });
export type DockerFile = z.infer<typeof file>;

export const readDockerFile = (path: string): DockerFile =>
  file.parse(parse(readFileSync(join(ROOT, path), 'utf8'), { merge: true }));

const map = z.record(z.string(), z.unknown());

/** `base`, changed by `own`. */
export function merge(base: unknown, own: unknown): unknown {
  const [one, other] = [map.safeParse(base), map.safeParse(own)];
  if (!one.success || !other.success) return own ?? base;
  const names = new Set([...Object.keys(one.data), ...Object.keys(other.data)]);
  return Object.fromEntries([...names].map((name) => [name, merge(one.data[name], other.data[name])]));
}

/** `services.yaml` with a second file after it, as `docker stack` reads two files. Without members `x-…`, which are for authors. */
export function stackOf(path: string): DockerFile {
  const merged = file.parse(merge(readDockerFile('services.yaml'), readDockerFile(path)));
  return file.parse(Object.fromEntries(Object.entries(merged).filter(([name]) => !name.startsWith('x-'))));
}

/** A file of compose's: each service with what it extends. */
export function composeOf(path: string): DockerFile {
  const own = readDockerFile(path);
  const services = Object.entries(own.services).map(([name, { extends: base, ...service }]) => {
    const { data } = z.object({ file: z.string(), service: z.string() }).safeParse(base);
    return [name, data ? merge(readDockerFile(data.file).services[data.service], service) : service];
  });
  return file.parse({ ...own, services: Object.fromEntries(services) });
}

/** Where a file is; `folder` has the secrets, which are made on each machine. */
export const placeOf = (path: string, folder: string): string =>
  path.startsWith(SECRETS) ? join(folder, basename(path)) : join(ROOT, path);

/** The settings in files of NAME=VALUE, as Docker and Node read them. */
export const settingsIn = (files: readonly string[]): Record<string, string | undefined> =>
  Object.assign({}, ...files.map((path) => parseEnv(readFileSync(path, 'utf8'))));
