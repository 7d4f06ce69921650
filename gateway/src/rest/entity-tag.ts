// Entity tags and the conditions on them: RFC 9110, 8.8.3 and 13.1. The tag of a version is `"<version>"`, strong.
import { badInput } from '@holdfast/platform/errors';
import { came } from '@holdfast/platform/validation';
import { MAX_INT } from './schema.ts';

export interface EntityTag {
  readonly weak: boolean;
  /** The text between the quotes. */
  readonly opaque: string;
}

/** `*`, or a list of tags. */
export type TagCondition =
  | { readonly kind: 'any' }
  | { readonly kind: 'tags'; readonly tags: readonly EntityTag[] };

/** One member of a list: empty or a tag. A tag cannot contain `"`. */
const MEMBER = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(,|$)/y;
const VERSION = /^[1-9]\d{0,9}$/;

export const entityTag = (version: number): string => `"${version}"`;

/** Parses the value of an `If-Match` or `If-None-Match` field; gives undefined when it is malformed. */
export function parseTagCondition(value: string): TagCondition | undefined {
  if (value.trim() === '*') return { kind: 'any' };
  const tags: EntityTag[] = [];
  for (let at = 0; ; at = MEMBER.lastIndex) {
    MEMBER.lastIndex = at;
    const member = MEMBER.exec(value);
    if (member === null) return undefined;
    const [, weak, opaque, end] = member;
    if (opaque !== undefined) tags.push({ weak: weak !== undefined, opaque });
    if (end === '') return tags.length > 0 ? { kind: 'tags', tags } : undefined;
  }
}

/** @throws {AppError} BAD_USER_INPUT when the field is malformed */
function requireTagCondition(field: 'If-Match' | 'If-None-Match', value: string): TagCondition {
  const condition = parseTagCondition(value);
  if (condition !== undefined) return condition;
  throw badInput(
    field,
    `expected * or entity tags in double quotes, as they came in ETag ("7"), got ${came(value)}`,
  );
}

/**
 * Reads the versions that `If-Match` accepts, by strong comparison (13.1.1). A weak tag, or a tag that is not a version, is
 * allowed but never matches. `'any'` for `*`, undefined when the field is absent.
 * @throws {AppError} BAD_USER_INPUT when the field is malformed
 */
export function readIfMatch(value: string | undefined): ReadonlySet<number> | 'any' | undefined {
  if (value === undefined) return undefined;
  const condition = requireTagCondition('If-Match', value);
  if (condition.kind === 'any') return 'any';
  const strong = condition.tags.filter(({ weak, opaque }) => !weak && VERSION.test(opaque));
  return new Set(strong.map(({ opaque }) => Number(opaque)).filter((version) => version <= MAX_INT));
}

/**
 * Reads the versions that a write must not find; undefined when the field is absent.
 * @throws {AppError} BAD_USER_INPUT when the field is malformed
 */
export const readIfNoneMatch = (value: string | undefined): TagCondition | undefined =>
  value === undefined ? undefined : requireTagCondition('If-None-Match', value);

/** Whether a condition of `If-None-Match` names the version, by weak comparison (13.1.2). `*` names every version. */
export const namesVersion = (condition: TagCondition, version: number): boolean =>
  condition.kind === 'any' || condition.tags.some(({ opaque }) => opaque === String(version));

/**
 * Whether the `If-None-Match` of a read names this version, so that the caller has it already. A malformed field is ignored:
 * then the caller receives the whole reply.
 */
export function hasCurrent(ifNoneMatch: string | undefined, version: number): boolean {
  const condition = ifNoneMatch === undefined ? undefined : parseTagCondition(ifNoneMatch);
  return condition !== undefined && namesVersion(condition, version);
}
