// Writes test/k8s-schemas: what the tests of k8s/ hold its objects to, for the lowest and the newest version of each API that
// k8s/README.md names. From Kubernetes' own OpenAPI document and the operators' CustomResourceDefinitions it takes the kinds that
// k8s/ uses, drops prose, and refuses unknown keys as the API server does: `node test/k8s-schemas.mjs FOLDER`, a folder with
// clones of the repositories in SOURCES, each by its own name, with tags. All of them are under Apache-2.0.
import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { folderOf, SCHEMAS, statedVersions } from './src/k8s/schemas.ts';

/** Where the definitions of each API are: repository (a version's tag is `v` and the version, or `ref`), and paths in it. */
const SOURCES = {
  Kubernetes: {
    // The specification's own repository is 1.9 GB; its JavaScript client has a copy of each version.
    repository: 'kubernetes-client/javascript',
    ref: { '1.34.0': '8452b86e', '1.36.0': 'afd5af77' },
    paths: ['src/gen/swagger.json.unprocessed'],
  },
  CloudNativePG: {
    repository: 'cloudnative-pg/cloudnative-pg',
    paths: ['clusters', 'poolers', 'scheduledbackups'].map(
      (plural) => `config/crd/bases/postgresql.cnpg.io_${plural}.yaml`,
    ),
  },
  'Barman Cloud plugin': {
    repository: 'cloudnative-pg/plugin-barman-cloud',
    paths: ['config/crd/bases/barmancloud.cnpg.io_objectstores.yaml'],
  },
  'redis-operator': {
    repository: 'OT-CONTAINER-KIT/redis-operator',
    paths: ['config/crd/bases/redis.redis.opstreelabs.in_redisreplications.yaml'],
  },
  'Prometheus operator': {
    repository: 'prometheus-operator/prometheus-operator',
    paths: ['podmonitors', 'prometheusrules'].map(
      (plural) => `example/prometheus-operator-crd/monitoring.coreos.com_${plural}.yaml`,
    ),
  },
  'Gateway API': {
    repository: 'kubernetes-sigs/gateway-api',
    paths: ['httproutes', 'gateways'].map(
      (plural) => `config/crd/standard/gateway.networking.k8s.io_${plural}.yaml`,
    ),
  },
  KEDA: {
    repository: 'kedacore/keda',
    paths: ['config/crd/bases/keda.sh_scaledobjects.yaml'],
  },
};
const CORE_KINDS = [
  ['', 'v1', 'Namespace'],
  ['', 'v1', 'Service'],
  ['', 'v1', 'ServiceAccount'],
  ['', 'v1', 'ConfigMap'],
  ['', 'v1', 'Secret'],
  ['apps', 'v1', 'Deployment'],
  ['apps', 'v1', 'StatefulSet'],
  ['batch', 'v1', 'Job'],
  ['autoscaling', 'v2', 'HorizontalPodAutoscaler'],
  ['policy', 'v1', 'PodDisruptionBudget'],
  ['networking.k8s.io', 'v1', 'NetworkPolicy'],
  ['networking.k8s.io', 'v1', 'Ingress'],
  ['rbac.authorization.k8s.io', 'v1', 'Role'],
  ['rbac.authorization.k8s.io', 'v1', 'RoleBinding'],
];

const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const clones = process.argv[2];
if (clones === undefined) throw new Error('which folder are the clones in? (SOURCES in this file)');

await rm(SCHEMAS, { recursive: true, force: true });
for (const { name, lowest, newest } of await statedVersions())
  for (const version of new Set([lowest, newest])) {
    const folder = folderOf(name, version);
    const { repository, ref = {}, paths } = SOURCES[name];
    await mkdir(folder, { recursive: true });
    for (const path of paths) {
      const text = execFileSync(
        'git',
        ['-C', join(clones, repository), 'show', `${ref[version] ?? `v${version}`}:${path}`],
        { maxBuffer: 64_000_000, encoding: 'utf8' },
      );
      if (name === 'Kubernetes') await writeCore(folder, JSON.parse(text));
      else await writeCustom(folder, parse(text));
    }
  }

/** One file: `definitions`, and which of them each kind is. */
async function writeCore(folder, { definitions }) {
  const kinds = {};
  const kept = {};
  const keep = (name) => {
    if (kept[name]) return;
    kept[name] = true;
    kept[name] = name === QUANTITY ? { type: ['string', 'number'] } : strict(definitions[name], keep);
  };
  for (const [group, version, kind] of CORE_KINDS) {
    const name = Object.keys(definitions).find((key) =>
      (definitions[key]['x-kubernetes-group-version-kind'] ?? []).some(
        (gvk) => gvk.group === group && gvk.version === version && gvk.kind === kind,
      ),
    );
    if (name === undefined) throw new Error(`swagger.json has no ${kind}`);
    kinds[`${group ? `${group}/` : ''}${version} ${kind}`] = name;
    keep(name);
  }
  await write(join(folder, 'kubernetes.json'), { kinds, definitions: kept });
}

/** One file a kind, of the version that is stored. */
async function writeCustom(folder, crd) {
  const { group, names, versions } = crd.spec;
  for (const { name, storage, schema } of versions) {
    if (!storage) continue;
    const root = strict(schema.openAPIV3Schema, () => undefined);
    delete root.properties.status;
    // The API server itself checks these, not the definition.
    root.properties.metadata = { type: 'object' };
    await write(join(folder, `${group}_${name}_${names.kind}.json`), root);
  }
}

/** The schema without prose, with unknown keys refused wherever keys are named. */
function strict(schema, keep) {
  if (Array.isArray(schema)) return schema.map((part) => strict(part, keep));
  if (schema.$ref) {
    keep(schema.$ref.replace('#/definitions/', ''));
    return { $ref: schema.$ref };
  }
  if (schema.format === 'int-or-string' || schema['x-kubernetes-int-or-string'])
    return { type: ['integer', 'string'] };
  const result = {};
  if (schema.pattern !== undefined && isPattern(schema.pattern)) result.pattern = schema.pattern;
  for (const key of ['type', 'enum', 'required', 'minimum', 'maximum', 'minLength', 'maxLength'])
    if (schema[key] !== undefined) result[key] = schema[key];
  for (const key of ['minItems', 'maxItems', 'minProperties', 'maxProperties'])
    if (schema[key] !== undefined) result[key] = schema[key];
  for (const key of ['anyOf', 'allOf', 'oneOf', 'not', 'items'])
    if (schema[key] !== undefined) result[key] = strict(schema[key], keep);
  if (schema.properties) {
    result.properties = {};
    for (const [name, part] of Object.entries(schema.properties))
      result.properties[name] = strict(part, keep);
  }
  if (typeof schema.additionalProperties === 'object')
    result.additionalProperties = strict(schema.additionalProperties, keep);
  else if (schema.properties && schema.type === 'object' && !schema['x-kubernetes-preserve-unknown-fields'])
    result.additionalProperties = false;
  return result;
}

/** Some are of Go's dialect. */
function isPattern(text) {
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

async function write(file, value) {
  await writeFile(file, `${JSON.stringify(value)}\n`);
}
