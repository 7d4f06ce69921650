// Who may call whom in production: the table below is the design, and the policies must allow exactly that.
import { beforeAll, expect, test } from '@jest/globals';
import { createNetwork, type Endpoint } from './network.ts';
import { type KubernetesObject, workloadsOf } from './objects.ts';
import { renderAll } from './render.ts';

const HOME = { 'kubernetes.io/metadata.name': 'holdfast' };
const elsewhere = (name: string, label: string) => ({
  'kubernetes.io/metadata.name': name,
  [`holdfast.io/${label}`]: 'true',
});

/** Pods that operators make, and those of others: labels as CloudNativePG 1.30 and redis-operator give them. */
const OTHERS: Endpoint[] = [
  {
    name: 'database',
    namespace: HOME,
    labels: { 'cnpg.io/cluster': 'holdfast-db', 'cnpg.io/podRole': 'instance' },
    ports: [5432, 8000, 9187],
  },
  {
    name: 'pooler',
    namespace: HOME,
    labels: {
      'cnpg.io/cluster': 'holdfast-db',
      'cnpg.io/podRole': 'pooler',
      'cnpg.io/poolerName': 'holdfast-db-pooler',
      'app.kubernetes.io/part-of': 'holdfast',
    },
    ports: [5432, 9127],
  },
  {
    name: 'redis',
    namespace: HOME,
    labels: { app: 'holdfast-redis', redis_setup_type: 'replication', role: 'replication' },
    ports: [6379],
  },
  {
    name: 'cache',
    namespace: HOME,
    labels: { app: 'holdfast-cache', redis_setup_type: 'replication', role: 'replication' },
    ports: [6379],
  },
  {
    name: 'sentinel',
    namespace: HOME,
    labels: { redis_setup_type: 'sentinel', role: 'sentinel' },
    ports: [26379],
  },
  {
    name: 'promote-staff',
    namespace: HOME,
    labels: { 'app.kubernetes.io/name': 'promote-staff', 'app.kubernetes.io/part-of': 'holdfast' },
    ports: [],
  },
  {
    name: 'acme-solver',
    namespace: HOME,
    labels: { 'acme.cert-manager.io/http01-solver': 'true' },
    ports: [8089],
  },
  { name: 'stranger', namespace: HOME, labels: { app: 'stranger' }, ports: [80] },
  { name: 'ingress', namespace: elsewhere('edge', 'ingress'), labels: { app: 'proxy' }, ports: [443] },
  {
    name: 'prometheus',
    namespace: elsewhere('watch', 'monitoring'),
    labels: { app: 'prometheus' },
    ports: [9090],
  },
  {
    name: 'operators',
    namespace: elsewhere('cnpg-system', 'operators'),
    labels: { app: 'operator' },
    ports: [9443],
  },
  {
    name: 'dns',
    namespace: { 'kubernetes.io/metadata.name': 'kube-system' },
    labels: { 'k8s-app': 'kube-dns' },
    ports: [53],
    protocol: 'UDP',
  },
  // Of another team: with our labels, in another namespace.
  {
    name: 'impostor',
    namespace: { 'kubernetes.io/metadata.name': 'other' },
    labels: { 'app.kubernetes.io/name': 'gateway', 'app.kubernetes.io/part-of': 'holdfast' },
    ports: [4000],
  },
  { name: 'API server or object store', namespace: {}, labels: {}, ports: [443, 6443, 80], outside: true },
  { name: 'mail server', namespace: {}, labels: {}, ports: [25, 465, 587], outside: true },
];

/** Every connection of the design, as `from → to:port`; all of ours ask DNS, too. */
const CALLS = [
  'ingress → gateway:4000',
  // Of cert-manager, while a certificate is asked for.
  'ingress → acme-solver:8089',
  'gateway → users:4001',
  'gateway → products:4002',
  'gateway → orders:4003',
  // Prices.
  'orders → products:4002',
  // Public keys.
  'products → users:4001',
  'orders → users:4001',
  // Requests.
  'users → pooler:5432',
  'products → pooler:5432',
  'orders → pooler:5432',
  'promote-staff → pooler:5432',
  // LISTEN and jobs; migrations.
  'users → database:5432',
  'products → database:5432',
  'orders → database:5432',
  'migrations → database:5432',
  'pooler → database:5432',
  // Limits, cache.
  'gateway → redis:6379',
  'products → cache:6379',
  // Metrics.
  'prometheus → gateway:4100',
  'prometheus → users:4101',
  'prometheus → products:4102',
  'prometheus → orders:4103',
  'prometheus → database:9187',
  'prometheus → pooler:9127',
  // Among the stores and their operators.
  'database → database:5432',
  'database → database:8000',
  'operators → database:5432',
  'operators → database:8000',
  'operators → redis:6379',
  'operators → cache:6379',
  'operators → sentinel:26379',
  'redis → redis:6379',
  'redis → cache:6379',
  'redis → sentinel:26379',
  'cache → redis:6379',
  'cache → cache:6379',
  'cache → sentinel:26379',
  'sentinel → redis:6379',
  'sentinel → cache:6379',
  'sentinel → sentinel:26379',
  'database → API server or object store:443',
  'database → API server or object store:6443',
  'pooler → API server or object store:443',
  'pooler → API server or object store:6443',
  // Mail.
  'users → mail server:465',
  'users → mail server:587',
];

let production: KubernetesObject[];

beforeAll(async () => {
  production = (await renderAll()).production;
}, 60_000);

function endpoints(): Endpoint[] {
  const ours = workloadsOf(production).map(({ name, labels, pod }) => ({
    name,
    namespace: HOME,
    labels,
    ports: pod.containers.flatMap((container) => container.ports.map(({ containerPort }) => containerPort)),
  }));
  return [...ours, ...OTHERS];
}

/** Every connection that the policies of `objects` allow and that touches a pod of ours. */
function allowed(objects: readonly KubernetesObject[]): string[] {
  const allows = createNetwork(objects, HOME);
  const all = endpoints();
  const isOurs = ({ namespace }: Endpoint) => namespace === HOME;
  return all.flatMap((from) =>
    all
      .filter((to) => isOurs(from) || isOurs(to))
      .flatMap((to) =>
        to.ports.filter((port) => allows(from, to, port)).map((port) => `${from.name} → ${to.name}:${port}`),
      ),
  );
}

test('the policies allow every call of the design, and no other', () => {
  const everyone = endpoints().filter(({ namespace }) => namespace === HOME);
  const dns = everyone.map(({ name }) => `${name} → dns:53`);
  expect(allowed(production).sort()).toEqual([...CALLS, ...dns].sort());
});

test('without any one of the policies that is not so', () => {
  const whole = allowed(production).sort();
  const policies = production.filter(({ kind }) => kind === 'NetworkPolicy');
  expect(policies.length).toBeGreaterThan(10);
  for (const policy of policies) {
    // The stores' own rules are what takes them into account; the default alone would close them, which shows as well.
    expect([policy.metadata.name, allowed(production.filter((one) => one !== policy)).sort()]).not.toEqual([
      policy.metadata.name,
      whole,
    ]);
  }
});
