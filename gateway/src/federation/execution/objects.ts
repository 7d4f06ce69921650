// The walk over the members of an object: the innermost part of shaping.
import { isInherited, type JsonObject, memberOf, setMember } from './members.ts';
import type { Complete, Shaping } from './values.ts';

export interface Member {
  readonly name: string;
  /** A leaf adds its name to a path by itself. */
  readonly isLeaf: boolean;
  readonly complete: Complete;
}

/** Gives the object with exactly its members, in their order; null when one that must not be null is. */
export type CompleteObject = (data: JsonObject, shaping: Shaping) => JsonObject | null;

export function completeMembers(members: readonly Member[]): CompleteObject {
  const hasInherited = members.some(({ name }) => isInherited(name));
  const read = hasInherited ? memberOf : readPlain;
  const write = hasInherited ? setMember : writePlain;
  return (data, shaping) => {
    const isRight = hasExactly(data, members);
    const shown: JsonObject = isRight ? data : {};
    for (const member of members) {
      const value = read(data, member.name);
      const completed = completeMember(member, value, shaping);
      if (completed === undefined) return null;
      if (!isRight || completed !== value) write(shown, member.name, completed);
    }
    return shown;
  };
}

function completeMember({ name, isLeaf, complete }: Member, value: unknown, shaping: Shaping): unknown {
  if (isLeaf) return complete(value, shaping);
  shaping.path.push(name);
  const completed = complete(value, shaping);
  shaping.path.pop();
  return completed;
}

const readPlain = (object: JsonObject, name: string): unknown => object[name];

function writePlain(object: JsonObject, name: string, value: unknown): void {
  object[name] = value;
}

/** Whether the object has these members and no others, in this order. */
function hasExactly(data: JsonObject, members: readonly Member[]): boolean {
  let count = 0;
  for (const name in data) {
    if (members[count]?.name !== name) return false;
    count += 1;
  }
  return count === members.length;
}
