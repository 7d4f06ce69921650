// What NetworkPolicies allow, worked out for pods that are given by their labels: as the API documents it, a connection
// needs an egress rule at one end and an ingress rule at the other wherever an end is selected by any policy.
import { z } from 'zod';
import { type KubernetesObject, ofKind, selects } from './objects.ts';

export interface Endpoint {
  readonly name: string;
  /** Labels of the namespace, with its name. */
  readonly namespace: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Ports it listens on: TCP, unless it says otherwise. */
  readonly ports: readonly number[];
  readonly protocol?: 'UDP';
  /** Not a pod: only an ipBlock reaches it. */
  readonly outside?: true;
}

const peer = z.strictObject({
  podSelector: z.unknown().optional(),
  namespaceSelector: z.unknown().optional(),
  ipBlock: z.strictObject({ cidr: z.string() }).optional(),
});
const ports = z.array(z.strictObject({ protocol: z.enum(['TCP', 'UDP']), port: z.number() })).optional();
const policyShape = z.looseObject({
  spec: z.strictObject({
    podSelector: z.unknown(),
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
    ingress: z.array(z.strictObject({ from: z.array(peer).optional(), ports })).default([]),
    egress: z.array(z.strictObject({ to: z.array(peer).optional(), ports })).default([]),
  }),
});
type Policy = z.infer<typeof policyShape>['spec'];
type Peer = z.infer<typeof peer>;

const NAMESPACE = 'kubernetes.io/metadata.name';

/** Tells whether `from` may open `port` of `to`, by the policies of the namespace `home`. */
export function createNetwork(objects: readonly KubernetesObject[], home: Readonly<Record<string, string>>) {
  const policies = ofKind(objects, 'NetworkPolicy').map((object) => policyShape.parse(object).spec);
  const isHome = ({ namespace, outside }: Endpoint): boolean =>
    !outside && namespace[NAMESPACE] === home[NAMESPACE];

  const matches = ({ podSelector, namespaceSelector, ipBlock }: Peer, end: Endpoint): boolean => {
    if (end.outside || ipBlock) return end.outside === true && ipBlock !== undefined;
    const inNamespace =
      namespaceSelector === undefined ? isHome(end) : selects(namespaceSelector, end.namespace);
    return inNamespace && (podSelector === undefined || selects(podSelector, end.labels));
  };

  const isolating = (end: Endpoint, type: 'Ingress' | 'Egress'): Policy[] =>
    isHome(end)
      ? policies.filter(
          ({ podSelector, policyTypes }) => policyTypes.includes(type) && selects(podSelector, end.labels),
        )
      : [];

  return (from: Endpoint, to: Endpoint, port: number): boolean => {
    const allows = (peers: Peer[] | undefined, open: z.infer<typeof ports>, other: Endpoint): boolean =>
      (peers === undefined || peers.some((one) => matches(one, other))) &&
      (open === undefined ||
        open.some((one) => one.port === port && one.protocol === (to.protocol ?? 'TCP')));
    const leaving = isolating(from, 'Egress');
    const entering = isolating(to, 'Ingress');
    return (
      (leaving.length === 0 ||
        leaving.some(({ egress }) => egress.some((rule) => allows(rule.to, rule.ports, to)))) &&
      (entering.length === 0 ||
        entering.some(({ ingress }) => ingress.some((rule) => allows(rule.from, rule.ports, from))))
    );
  };
}
