// Writes test/k8s-schemas: what the tests of k8s/ hold its objects to. From Kubernetes' own OpenAPI document and the
// operators' CustomResourceDefinitions it takes the kinds that k8s/ uses, drops prose, and refuses unknown keys as the
// API server does: `node scripts/k8s-schemas.mjs FOLDER`, a folder with the files that SOURCES names.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/** Where each file comes from: repository, version or commit, path. The kinds that are kept. */
const SOURCES = {
  'swagger.json':
    'kubernetes-client/javascript 072811b src/gen/swagger.json.unprocessed (Kubernetes, api/openapi-spec/swagger.json)',
  'postgresql.cnpg.io_clusters.yaml': 'cloudnative-pg/cloudnative-pg 1.30 config/crd/bases',
  'postgresql.cnpg.io_poolers.yaml': 'cloudnative-pg/cloudnative-pg 1.30 config/crd/bases',
  'postgresql.cnpg.io_scheduledbackups.yaml': 'cloudnative-pg/cloudnative-pg 1.30 config/crd/bases',
  'barmancloud.cnpg.io_objectstores.yaml': 'cloudnative-pg/plugin-barman-cloud 2026-08-06 config/crd/bases',
  'redis.redis.opstreelabs.in_redisreplications.yaml':
    'OT-CONTAINER-KIT/redis-operator 5dd04e1 config/crd/bases',
  'redis.redis.opstreelabs.in_redissentinels.yaml':
    'OT-CONTAINER-KIT/redis-operator 5dd04e1 config/crd/bases',
  'monitoring.coreos.com_podmonitors.yaml':
    'prometheus-operator/prometheus-operator 6adcebc example/prometheus-operator-crd',
  'monitoring.coreos.com_prometheusrules.yaml':
    'prometheus-operator/prometheus-operator 6adcebc example/prometheus-operator-crd',
  'gateway.networking.k8s.io_httproutes.yaml': 'kubernetes-sigs/gateway-api 4564255 config/crd/standard',
  'gateway.networking.k8s.io_gateways.yaml': 'kubernetes-sigs/gateway-api 4564255 config/crd/standard',
  'keda.sh_scaledobjects.yaml': 'kedacore/keda 8b4f083 config/crd/bases',
  'keda.sh_triggerauthentications.yaml': 'kedacore/keda 8b4f083 config/crd/bases',
};
const CORE_KINDS = [
  ['', 'v1', 'Namespace'],
  ['', 'v1', 'Service'],
  ['', 'v1', 'ServiceAccount'],
  ['', 'v1', 'ConfigMap'],
  ['', 'v1', 'Secret'],
  ['', 'v1', 'PersistentVolumeClaim'],
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
const target = fileURLToPath(new URL('../test/k8s-schemas', import.meta.url));
const folder = process.argv[2];
if (folder === undefined) throw new Error('which folder are the sources in? (SOURCES in this file)');

await mkdir(target, { recursive: true });
await writeFile(
  join(target, 'SOURCES.json'),
  `${JSON.stringify({ licence: 'Apache-2.0, all of them', ...SOURCES }, null, 2)}\n`,
);
for (const [file, source] of Object.entries(SOURCES)) {
  const text = await readFile(join(folder, file), 'utf8');
  if (file === 'swagger.json') await writeCore(JSON.parse(text));
  else await writeCustom(parse(text), source);
}

/** One file: `definitions`, and which of them each kind is. */
async function writeCore({ definitions }) {
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
  await write('kubernetes.json', { kinds, definitions: kept });
}

/** One file a kind, of the version that is stored. */
async function writeCustom(crd) {
  const { group, names, versions } = crd.spec;
  for (const { name, storage, schema } of versions) {
    if (!storage) continue;
    const root = strict(schema.openAPIV3Schema, () => undefined);
    delete root.properties.status;
    // The API server itself checks these, not the definition.
    root.properties.metadata = { type: 'object' };
    await write(`${group}_${name}_${names.kind}.json`, root);
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

async function write(name, value) {
  await writeFile(join(target, name), `${JSON.stringify(value)}\n`);
}
