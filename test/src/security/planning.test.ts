// Documents made to be hard to plan. Each is either refused at once or planned where it keeps nobody waiting, and what it
// costs the main thread is little, whatever passes the limits.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildClientSchema, getIntrospectionQuery } from 'graphql';
import { type Account, Client } from '../support/client.ts';
import { mainThreadCpuMs } from '../support/process-usage.ts';
import { type System, startSystem } from '../support/system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';
import { WorstDocuments } from '../support/worst-documents.ts';

const SEED = 20_261_126;
const DOCUMENTS = 40;
/** Of the gateway's main thread, for one document that it has not seen before. */
const MAX_CPU_MS = 50;

let system: System;
let client: Client;
let account: Account;
let vital: VitalSigns;
let worst: WorstDocuments;
let texts = 0;

beforeAll(async () => {
  system = await startSystem();
  client = await Client.of(system.url);
  account = await client.account();
  const { id } = await client.product(account.token);
  for (let order = 0; order < 5; order += 1)
    await client.rest('POST', '/orders', { token: account.token, body: { product_id: id, quantity: 1 } });
  worst = new WorstDocuments(buildClientSchema((await client.graphql(getIntrospectionQuery())).data), SEED);
  // Code that runs for the first time is slow, and no attack.
  for (let index = 0; index < 30; index += 1) await send(worst.next());
  vital = vitalSigns(system);
}, 120_000);
afterAll(async () => {
  await vital?.expectUnharmed();
  await system?.stop();
});

/** Sends a document under a text that is new to the gateway. */
async function send(query: string) {
  texts += 1;
  const { status, data, errors } = await client.graphql(`${query} # ${texts}`, {}, account.token);
  return { status, data, codes: errors.map(({ extensions }) => extensions.code) };
}

const times = (count: number, part: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => part(index)).join(' ');

/** Each fragment spreads the next one twice, under another condition each time. */
const doubling = (levels: number, type: string, leaf: string): string =>
  `query ($a: Boolean = true, $b: Boolean = true) { ${type === 'Order' ? 'orders' : 'products'}(first: 1) { edges { node { ...f0 } } } }
   ${times(levels, (n) => `fragment f${n} on ${type} { ...f${n + 1} @include(if: $a) ...f${n + 1} @skip(if: $b) }`)}
   fragment f${levels} on ${type} { ${leaf} }`;

const PASSING: Record<string, string> = {
  'fragments that double': doubling(6, 'Product', '__typename'),
  'fragments that double, across services': doubling(5, 'Order', 'product { name }'),
  'a hundred times the same list': `{ me { ${times(95, () => 'orders { edges { cursor } }')} } }`,
  'the same fields again and again': `{ me { ${times(390, (n) => (n % 2 ? 'id' : 'username'))} } }`,
  'an object in a hundred copies': `{ me { ${times(190, () => 'orders { __typename }')} } }`,
  'deep inline fragments': `{ me { ${'... on User { '.repeat(380)}id${' }'.repeat(380)} } }`,
  'twenty aliases of a list': `{ ${times(20, (n) => `a${n}: orders { edges { node { id product { name stock } user { username } } } }`)} }`,
  'types of a union': `mutation { createOrder(input: { productId: "x", quantity: 1 }) { ${times(95, () => '... on Problem { ... on OutOfStock { available code } }')} } }`,
  'introspection, eight times': `{ __schema { ${times(8, (n) => `t${n}: types { name fields { name args { name } type { name } } }`)} } }`,
  'one text of 900 kB': `{ product(id: "${'x'.repeat(900_000)}") { id } }`,
};

async function costOf(query: string): Promise<number> {
  const costs: number[] = [];
  // Anything may come in between, so a document is dear when it is so three times.
  while (costs.length < 3 && Math.min(...costs) >= MAX_CPU_MS) {
    const before = await mainThreadCpuMs(system.pid('gateway'));
    const { codes } = await send(query);
    costs.push((await mainThreadCpuMs(system.pid('gateway'))) - before);
    // Planning may take too long, and that is then said; anything else would mean that the document is not good.
    expect([[], ['QUERY_TOO_COMPLEX'], ['BAD_USER_INPUT']]).toContainEqual(codes);
  }
  return Math.min(...costs);
}

describe('a document that passes the limits', () => {
  it.each(Object.entries(PASSING))('costs the main thread little: %s', async (_, query) => {
    expect(await costOf(query)).toBeLessThan(MAX_CPU_MS);
  });

  it(`costs the main thread little: ${DOCUMENTS} generated ones`, async () => {
    const costs: [number, string][] = [];
    for (let index = 0; index < DOCUMENTS; index += 1) {
      const query = worst.next();
      costs.push([await costOf(query), query]);
    }
    expect(costs.filter(([cost]) => cost >= MAX_CPU_MS)).toEqual([]);
  }, 240_000);
});

describe('the document of a kilobyte that kept a gateway busy for a minute', () => {
  it('is refused at once', async () => {
    const query = doubling(15, 'Product', '__typename');
    expect(query.length).toBeLessThan(1_300);
    expect(await costOf(query)).toBeLessThan(MAX_CPU_MS);
    expect((await send(query)).codes).toEqual(['QUERY_TOO_COMPLEX']);
  });
});

describe('while hard documents come in all the time', () => {
  it('the gateway is alive, and ordinary operations answer, new ones too', async () => {
    let done = false;
    let sent = 0;
    const attack = async () => {
      while (!done) {
        await send(sent % 2 ? doubling(6, 'Product', 'id name') : worst.next());
        sent += 1;
      }
    };
    const attackers = Array.from({ length: 8 }, attack);
    const slowest = { livez: 0, ordinary: 0 };
    for (let round = 0; round < 15; round += 1) {
      let startedAt = performance.now();
      expect((await fetch(system.opsUrl('gateway', '/livez'))).status).toBe(200);
      slowest.livez = Math.max(slowest.livez, performance.now() - startedAt);
      startedAt = performance.now();
      const { status, codes } = await send(
        '{ me { id orders(first: 2) { edges { node { product { name } } } } } }',
      );
      expect([status, codes]).toEqual([200, []]);
      slowest.ordinary = Math.max(slowest.ordinary, performance.now() - startedAt);
    }
    done = true;
    await Promise.all(attackers);
    // Far above what it is on an idle machine, and far below what one of these documents took on the main thread.
    expect(slowest.livez).toBeLessThan(3_000);
    expect(slowest.ordinary).toBeLessThan(10_000);
  }, 120_000);
});
