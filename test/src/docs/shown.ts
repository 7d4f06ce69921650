// Compares the reply in a document with the received one. `…` stands for any text; `$NAME` stands for a value that is the same wherever
// the document has that name.
import { expect } from '@jest/globals';

/** The values that a document has named so far. A new name gets the received value. */
export type Names = Map<string, string>;

type Json = string | number | boolean | null | Json[] | { [member: string]: Json };

const isGlob = (shown: string): boolean => shown.includes('…');

function fits(shown: string, came: string): boolean {
  const literal = shown.split('…').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${literal.join('[\\s\\S]*')}$`).test(came);
}

/** Fills the open parts of `shown` with the received values, so that the result equals the received reply when `shown` is right. */
function fill(shown: Json, came: Json | undefined, names: Names): Json {
  if (typeof shown === 'string') return fillText(shown, came, names);
  if (Array.isArray(shown)) {
    const arrived = Array.isArray(came) ? came : [];
    const first = shown.filter((item) => item !== '…');
    const rest = first.length < shown.length ? arrived.slice(first.length) : [];
    return [...first.map((item, index) => fill(item, arrived[index], names)), ...rest];
  }
  if (shown === null || typeof shown !== 'object') return shown;
  const { '…': open, ...members } = shown;
  const arrived = typeof came === 'object' && came !== null && !Array.isArray(came) ? came : {};
  return {
    ...(open === undefined ? {} : arrived),
    ...Object.fromEntries(
      Object.entries(members).map(([name, value]) => [name, fill(value, arrived[name], names)]),
    ),
  };
}

function fillText(shown: string, came: Json | undefined, names: Names): Json {
  if (came === undefined) return shown;
  if (shown === '…') return came;
  const [, name] = /^\$([A-Z]+)$/.exec(shown) ?? [];
  if (name !== undefined) {
    const known = names.get(name);
    if (known === undefined) names.set(name, String(came));
    return known === undefined || known === String(came) ? came : known;
  }
  return typeof came === 'string' && isGlob(shown) && fits(shown, came) ? came : shown;
}

/** Parses JSON in which `…` may stand for a value, for the rest of a list and for the other members of an object. */
const parseShown = (text: string): Json =>
  JSON.parse(text.replaceAll(/([{,]\s*)…(\s*\})/g, '$1"…": "…"$2').replaceAll(/(?<=[[:,]\s*)…/g, '"…"'));

export function expectJson(shown: string, came: string, names: Names): void {
  const arrived: Json = JSON.parse(came);
  expect(arrived).toEqual(fill(parseShown(shown), arrived, names));
}

export function expectText(shown: string, came: string): void {
  const arrived = came.trim();
  expect(arrived).toEqual(fits(shown.trim(), arrived) ? arrived : shown.trim());
}

/** `curl` writes a body without a line break at its end. */
const REPLY = /\n*(?=HTTP\/1\.1 \d{3} )/;

/** Compares the output of `curl -i` for one or more replies. A reply must have the shown fields, and the body if one is shown. */
export function expectHttp(shown: string, came: string, names: Names): void {
  const replies = came.replaceAll('\r', '').trim().split(REPLY);
  const shownReplies = shown.trim().split(REPLY);
  expect(replies).toHaveLength(shownReplies.length);
  for (const [index, each] of shownReplies.entries()) {
    const [head, body] = parts(each);
    const [arrivedHead, arrivedBody = ''] = parts(replies[index] ?? '');
    const arrived = arrivedHead.toLowerCase().split('\n');
    for (const line of head.split('\n'))
      if (!arrived.some((field) => fits(line.toLowerCase(), field))) expect(arrivedHead).toBe(line);
    if (body !== undefined) expectJson(body, arrivedBody, names);
  }
}

function parts(reply: string): [string, string | undefined] {
  const end = reply.indexOf('\n\n');
  return end < 0 ? [reply.trim(), undefined] : [reply.slice(0, end), reply.slice(end + 2)];
}
