// What NetworkPolicies allow, worked out for pods that are given by their labels: as the API documents it, a connection
// needs an egress rule at one end and an ingress rule at the other wherever an end is selected by any policy.
import { z } from 'zod';
import { type KubernetesObject, ofKind } from './objects.ts';

export interface Endpoint {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Ports it listens on: TCP, but for DNS. */
  readonly ports: readonly number[];
  /** Labels of the namespace, unless it is the policies' own. */
  readonly namespace?: Readonly<Record<string, string>>;
  /** Not a pod: only an ipBlock of these addresses reaches it. */
  readonly outside?: '0.0.0.0/0' | '::/0';
}

const labels = z.record(z.string(), z.string());
const expression = z.strictObject({
  operator: z.enum(['In', 'Exists', 'DoesNotExist']),
  key: z.string(),
  values: z.array(z.string()).default([]),
});
const selector = z.strictObject({
  matchLabels: labels.default({}),
  matchExpressions: z.array(expression).default([]),
});

/** Whether a label selector takes these labels; the empty one takes all. */
function selects(by: z.infer<typeof selector>, of: Readonly<Record<string, string>>): boolean {
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

/** Tells whether `from` may open `port` of `to`. */
export function createNetwork(objects: readonly KubernetesObject[]) {
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
