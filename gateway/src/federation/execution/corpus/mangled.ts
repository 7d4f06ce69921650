// Replies that no working subgraph sends: one member is of another JSON type, or is missing.
import { isJsonObject, memberOf, setMember } from '../members.ts';
import type { SubgraphReply } from '../subgraph-call.ts';
import type { Random } from './random.ts';

export interface Mangled {
  readonly reply: SubgraphReply;
  /** Of the member, in the subgraph's reply. */
  readonly path: readonly (string | number)[];
  /** Whether the member is missing, and not of another type. */
  readonly isMissing: boolean;
  /** What was done, for messages. */
  readonly change: string;
}

/** Changes one member; undefined when there is none. The reply stays as it is. */
export function mangle(reply: SubgraphReply, random: Random): Mangled | undefined {
  const changed: SubgraphReply = JSON.parse(JSON.stringify(reply));
  const places = placesIn(changed.data);
  if (places.length === 0) return undefined;
  const { path, parent } = random.pick(places);
  const step = path.at(-1) ?? '';
  const before = Array.isArray(parent)
    ? parent[Number(step)]
    : isJsonObject(parent)
      ? memberOf(parent, String(step))
      : null;
  const change = random.pick(CHANGES.filter(({ type }) => type !== typeOf(before)));
  let isMissing = false;
  if (Array.isArray(parent)) parent[Number(step)] = change.value;
  else if (isJsonObject(parent)) {
    isMissing = random.percent(25);
    if (isMissing) delete parent[String(step)];
    else setMember(parent, String(step), structuredClone(change.value));
  }
  return {
    reply: changed,
    path,
    isMissing,
    change: `${JSON.stringify(path)}: ${JSON.stringify(before)} -> ${change.type}`,
  };
}

/** No null, which is often allowed, and no number for a text, which is allowed for an ID. */
const CHANGES = [
  { type: 'boolean', value: true },
  { type: 'object', value: { __typename: 'Nothing', id: [], constructor: 1 } },
  { type: 'list', value: [[{}]] },
  { type: 'text', value: 'not this' },
];

const typeOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'list';
  return typeof value === 'string' ? 'text' : typeof value;
};

interface Place {
  readonly path: readonly (string | number)[];
  readonly parent: object;
}

function placesIn(value: unknown, path: readonly (string | number)[] = []): Place[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) => [
      { path: [...path, index], parent: value },
      ...placesIn(item, [...path, index]),
    ]);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => [
    { path: [...path, name], parent: value },
    ...placesIn(member, [...path, name]),
  ]);
}
