// What `npm run seed` has put into a database.
import { makeBatch } from '@holdfast/local/seed/batch';
import { planShop, type ShopSize } from '@holdfast/local/seed/plan';
import { expect } from '@jest/globals';
import { inspect } from '../support/invariants.ts';

/** The condition for products of a seeded shop, which were made long ago. */
export const SEEDED = "created_at < now() - interval '10 days'";

/** The units that were ever put into each product of the shop, by its id. */
export async function readUnitsPutIn(
  adminUrl: string,
  size: ShopSize,
  seed: number,
): Promise<Map<string, number>> {
  const plan = planShop(size, seed, new Date(new Date().setUTCHours(0, 0, 0, 0)));
  const byNumber: { name: string; units: number }[] = [];
  for (let batch = 0; batch < plan.batches; batch += 1) {
    const input = { idOf: (_kind: keyof ShopSize, place: number) => place, staff: [1], passwordHash: '' };
    for (const [place, { name, putIn }] of makeBatch(plan, batch, input).shelves.entries())
      byNumber[batch + place * plan.batches] = { name, units: putIn };
  }
  const rows = await inspect(adminUrl, async (client) => {
    const found = await client.query<{ id: string; name: string }>(
      `SELECT id::text, name FROM products.products p WHERE ${SEEDED} ORDER BY p.id`,
    );
    return found.rows;
  });
  expect(rows.map(({ name }) => name)).toEqual(byNumber.map(({ name }) => name));
  return new Map(rows.map(({ id }, number) => [id, byNumber[number]?.units ?? Number.NaN]));
}
