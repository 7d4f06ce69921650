// The catalog by name: in the order that people expect.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { expectProblem, fieldsOf } from '../support/problems.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
});

/** No product of another suite has it. */
const PRICE = 7_001_002.03;
const ALL = `/products?sort=name_asc&min_price=${PRICE}&max_price=${PRICE}`;

describe('the order by name', () => {
  const ORDERED = [
    'Order 9',
    'Order 10',
    'Order 100 b',
    'order Äpfel',
    'Order Äpfel',
    'Order apple',
    'Order banana',
    'Order Éclair',
    'Order eclairs',
    'Order Zebra',
  ];

  it('is that of people: numbers by value, accents and case last; pages go on after any name', async () => {
    // Made the other way round, and one name twice.
    for (const name of [...ORDERED].reverse().concat('Order 10'))
      await client.product(account.token, { name, price: PRICE });
    const expected = ORDERED.flatMap((name) => (name === 'Order 10' ? [name, name] : [name]));
    const whole = await client.rest('GET', `${ALL}&limit=100`);
    expect(whole.body.map(({ name }: { name: string }) => name)).toEqual(expected);
    const seen: string[] = [];
    let next: string | undefined = `${ALL}&limit=2`;
    while (next !== undefined) {
      const page = await client.rest('GET', next);
      seen.push(...page.body.map(({ name }: { name: string }) => name));
      next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1]?.replace(system.url, '');
    }
    expect(seen).toEqual(expected);
  });

  it('refuses a cursor of the order before, in which it stood elsewhere', async () => {
    const key = ['products:NAME_ASC', 'Kettle', '1'];
    const cursor = Buffer.from(JSON.stringify(key)).toString('base64url');
    const reply = await client.rest('GET', `/products?sort=name_asc&cursor=${cursor}`);
    expectProblem(reply, 400, 'INVALID_INPUT');
    expect(fieldsOf(reply.body)).toEqual(['cursor']);
  });
});
