// Shapes the members of one object: the innermost loop of shaping a reply.
import { isInherited, type JsonObject, memberOf, setMember } from './members.ts';
import type { CompleteObject, Member, Shaping } from './values.ts';

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

function completeMember(member: Member, value: unknown, shaping: Shaping): unknown {
  if (member.isLeaf) return member.complete(value, shaping, member);
  shaping.path.push(member.name);
  const completed = member.complete(value, shaping, member);
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
