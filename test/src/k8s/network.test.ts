// Which pods may call which in production. The table below is the design, and the policies must allow exactly its connections.
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { type Manifest, ofKind, workloadsOf } from './objects.ts';
import { render } from './render.ts';

// A connection needs an egress rule at one end and an ingress rule at the other, wherever a policy selects that end.
type Labels = Readonly<Record<string, string>>;
interface Endpoint {
  readonly name: string;
  readonly labels: Labels;
  /** The ports on which it listens: TCP, and UDP for DNS. */
  readonly ports: readonly number[];
  /** The labels of its namespace; undefined in the namespace of the policies. */
  readonly namespace?: Labels;
  /** Set when it is not a pod: only an ipBlock of these addresses selects it. */
  readonly outside?: '0.0.0.0/0' | '::/0';
}

const expression = z.strictObject({
  operator: z.enum(['In', 'Exists', 'DoesNotExist']),
  key: z.string(),
  values: z.array(z.string()).default([]),
});
const selector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).default({}),
  matchExpressions: z.array(expression).default([]),
});

/** Whether a label selector matches these labels. An empty one matches all. */
function selects(by: z.infer<typeof selector>, of: Labels): boolean {
  const holds = ({ operator, key, values }: z.infer<typeof expression>) =>
    operator === 'In' ? values.includes(of[key] ?? '') : (operator === 'Exists') === key in of;
  const isLabelled = Object.entries(by.matchLabels).every(([key, value]) => of[key] === value);
  return isLabelled && by.matchExpressions.every(holds);
}

const peer = z.strictObject({
  podSelector: selector.optional(),
  namespaceSelector: selector.optional(),
  ipBlock: z.strictObject({ cidr: z.string() }).optional(),
});
const ports = z.array(z.strictObject({ protocol: z.enum(['TCP', 'UDP']), port: z.number() }));
const policy = z.looseObject({
  spec: z.strictObject({
    podSelector: selector,
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
    ingress: z.array(z.strictObject({ from: z.array(peer), ports })).default([]),
    egress: z.array(z.strictObject({ to: z.array(peer), ports })).default([]),
  }),
});

/** Makes the function that tells whether `from` may connect to `port` of `to`. */
function createNetwork(objects: readonly Manifest[]) {
  const policies = ofKind(objects, 'NetworkPolicy').map((object) => policy.parse(object).spec);
  const isPeer = (end: Endpoint) => (one: z.infer<typeof peer>) => {
    if (end.outside || one.ipBlock) return end.outside !== undefined && end.outside === one.ipBlock?.cidr;
    const { podSelector, namespaceSelector } = one;
    const near = namespaceSelector ? selects(namespaceSelector, end.namespace ?? {}) : !end.namespace;
    return near && (!podSelector || selects(podSelector, end.labels));
  };
  const isolating = (end: Endpoint, type: 'Ingress' | 'Egress') =>
    end.namespace || end.outside
      ? []
      : policies.filter((one) => one.policyTypes.includes(type) && selects(one.podSelector, end.labels));
  return (from: Endpoint, to: Endpoint, port: number): boolean => {
    const opens = (open: z.infer<typeof ports>) =>
      open.some((one) => one.port === port && one.protocol === (port === 53 ? 'UDP' : 'TCP'));
    const leaving = isolating(from, 'Egress').map(({ egress }) => egress);
    const entering = isolating(to, 'Ingress').map(({ ingress }) => ingress);
    const out = leaving.flat().some((one) => opens(one.ports) && one.to.some(isPeer(to)));
    const in_ = entering.flat().some((one) => opens(one.ports) && one.from.some(isPeer(from)));
    return (leaving.length === 0 || out) && (entering.length === 0 || in_);
  };
}

const pod = (name: string, labels: Labels, ...ports: number[]): Endpoint => ({ name, labels, ports });
const elsewhere = (namespace: Labels, one: Endpoint): Endpoint => ({ ...one, namespace });
const ours = (name: string) => ({ 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'holdfast' });

const DATABASE = [5432, 8000, 9187];
const OUTSIDE = [25, 80, 443, 465, 587, 6443];
/** Pods of operators and of others, with the labels of CloudNativePG 1.30 and redis-operator. */
const OTHERS: Endpoint[] = [
  pod('database', { 'cnpg.io/cluster': 'holdfast-db', 'cnpg.io/podRole': 'instance' }, ...DATABASE),
  // The Job that restores a second database has the labels of its Cluster, too.
  pod('restored', { 'cnpg.io/cluster': 'holdfast-db-2', 'cnpg.io/jobRole': 'full-recovery' }, ...DATABASE),
  pod('pooler', { 'cnpg.io/cluster': 'holdfast-db', 'cnpg.io/poolerName': 'holdfast-db-pooler' }, 5432, 9127),
  pod('redis', { app: 'holdfast-redis', redis_setup_type: 'replication' }, 6379, 9121),
  pod('cache', { app: 'holdfast-cache', redis_setup_type: 'replication' }, 6379, 9121),
  pod('sentinel', { redis_setup_type: 'sentinel' }, 26379),
  pod('promote-staff', ours('promote-staff')),
  pod('acme-solver', { 'acme.cert-manager.io/http01-solver': 'true' }, 8089),
  pod('stranger', { app: 'stranger' }, 80),
  elsewhere({ 'holdfast.io/ingress': 'true' }, pod('ingress', {}, 443)),
  elsewhere({ 'holdfast.io/monitoring': 'true' }, pod('prometheus', {}, 9090)),
  elsewhere({ 'holdfast.io/operators': 'true' }, pod('operators', {}, 9443)),
  elsewhere({ 'kubernetes.io/metadata.name': 'kube-system' }, pod('dns', { 'k8s-app': 'kube-dns' }, 53)),
  elsewhere({ 'kubernetes.io/metadata.name': 'of-another-team' }, pod('impostor', ours('gateway'), 4000)),
  { ...pod('IPv4', {}, ...OUTSIDE), outside: '0.0.0.0/0' },
  { ...pod('IPv6', {}, ...OUTSIDE), outside: '::/0' },
];

const REDIS = ['redis:6379', 'cache:6379', 'sentinel:26379'];
const DATABASES = ['database:5432', 'restored:5432'];
const INSTANCES = [...DATABASES, 'database:8000', 'restored:8000'];
/** API server and object store. */
const API_AND_ARCHIVE = ['IPv4:443', 'IPv4:6443', 'IPv6:443', 'IPv6:6443'];
const MAIL = ['IPv4:465', 'IPv4:587', 'IPv6:465', 'IPv6:587'];
/** Every connection of the design. All of our pods may call DNS too. */
const CALLS: Record<string, string[]> = {
  // The solver of cert-manager, while a certificate is requested.
  ingress: ['gateway:4000', 'acme-solver:8089'],
  gateway: ['users:4001', 'products:4002', 'orders:4003', 'redis:6379'],
  // To the pooler with requests, to the database with LISTEN and jobs; to users for the public keys.
  users: ['pooler:5432', ...DATABASES, ...MAIL],
  products: ['users:4001', 'pooler:5432', ...DATABASES, 'cache:6379'],
  orders: ['users:4001', 'products:4002', 'pooler:5432', ...DATABASES],
  migrations: DATABASES,
  'promote-staff': ['pooler:5432'],
  pooler: [...DATABASES, ...API_AND_ARCHIVE],
  database: [...INSTANCES, ...API_AND_ARCHIVE],
  restored: [...INSTANCES, ...API_AND_ARCHIVE],
  redis: REDIS,
  cache: REDIS,
  sentinel: REDIS,
  operators: [...INSTANCES, ...REDIS],
  prometheus: [
    ...['gateway:4100', 'users:4101', 'products:4102', 'orders:4103'],
    ...['database:9187', 'restored:9187', 'pooler:9127', 'redis:9121', 'cache:9121'],
  ],
};

test('the policies allow every call of the design and no other', async () => {
  const production = await render('production');
  const own = workloadsOf(production).map(({ name, labels, containers }) =>
    pod(name, labels, ...containers.flatMap(({ ports }) => ports.map(({ containerPort }) => containerPort))),
  );
  const ends = [...own, ...OTHERS];
  const ours = ends.filter(({ namespace, outside }) => !namespace && !outside);
  const allows = createNetwork(production);
  const pairs = ends.flatMap((from) => ends.map((to) => ({ from, to })));
  const allowed = pairs
    .filter(({ from, to }) => ours.includes(from) || ours.includes(to))
    .flatMap(({ from, to }) =>
      to.ports.filter((port) => allows(from, to, port)).map((port) => `${from.name} → ${to.name}:${port}`),
    );
  const design = Object.entries(CALLS).flatMap(([from, all]) => all.map((to) => `${from} → ${to}`));
  design.push(...ours.map(({ name }) => `${name} → dns:53`));
  expect(allowed.sort()).toEqual(design.sort());
});
