// The two races. They compare the replies to the buyers and editors with the final data of the shop.
import type { Change, Draft, Shop } from './shop.ts';

export interface Sale {
  /** Buyers whose order was confirmed. */
  readonly told: number;
  /** Units that the shop has set aside for orders, by its own books. */
  readonly booked: number;
  /** The errors of buyers who got neither a confirmation nor a rejection, such as a timeout. */
  readonly errors: readonly string[];
}

/** The number of buyers who check out at the same time. */
const AT_A_TIME = 10;

/** Buyers who are at the last step of the checkout take it, all at once or one after the other. */
export async function sell(
  shop: Shop,
  { buyers, units, together }: { buyers: number; units: number; together: boolean },
): Promise<Sale> {
  const product = await shop.offer(units);
  const steps: (() => Promise<boolean>)[] = [];
  while (steps.length < buyers)
    steps.push(...(await Promise.all(Array.from({ length: AT_A_TIME }, () => shop.checkOut(product)))));
  const answers = together ? await Promise.all(steps.map(takeStep)) : await inTurn(steps, takeStep);
  return {
    told: answers.filter((answer) => answer === true).length,
    booked: await shop.booked(product),
    errors: answers.filter((answer) => typeof answer === 'string'),
  };
}

/** The reply to the buyer, or the error. */
const takeStep = (step: () => Promise<boolean>): Promise<boolean | string> =>
  step().catch((error: unknown) => String(error));

async function inTurn<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

export interface Edits {
  /** Saves that the shop accepted. */
  readonly accepted: number;
  /** Accepted saves whose change was overwritten without a message. */
  readonly lost: number;
  /** Saves that the shop refused because the product had changed; the editor opened it again and saved again. */
  readonly refused: number;
}

/** In each round two editors open the same product, add a line to what they see of its description, and save at once. */
export async function editOneField(shop: Shop, rounds: number): Promise<Edits> {
  const product = await shop.offer(1);
  const lines: string[] = [];
  let refused = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const drafts = [await shop.open(product), await shop.open(product)];
    const own = drafts.map((_, editor) => `[${round} by ${editor}]`);
    lines.push(...own);
    const tries = drafts.map((draft, editor) =>
      saveUntilAccepted(shop, draft, ({ description }) => ({
        description: `${description}\n${own[editor]}`,
      })),
    );
    refused += (await Promise.all(tries)).reduce((sum, each) => sum + each, 0);
  }
  const { description } = await shop.open(product);
  return {
    accepted: lines.length,
    lost: lines.filter((line) => !description.includes(line)).length,
    refused,
  };
}

/** In each round two editors open the same product; one saves another name and one another description, at once. */
export async function editTwoFields(shop: Shop, rounds: number): Promise<Edits> {
  const product = await shop.offer(1);
  let [lost, refused] = [0, 0];
  for (let round = 1; round <= rounds; round += 1) {
    const wanted = { name: `Name ${round}`, description: `Description ${round}` };
    const [first, second] = [await shop.open(product), await shop.open(product)];
    const tries = [
      saveUntilAccepted(shop, first, () => ({ name: wanted.name })),
      saveUntilAccepted(shop, second, () => ({ description: wanted.description })),
    ];
    refused += (await Promise.all(tries)).reduce((sum, each) => sum + each, 0);
    const now = await shop.open(product);
    lost += Number(now.name !== wanted.name) + Number(now.description !== wanted.description);
  }
  return { accepted: 2 * rounds, lost, refused };
}

/** Saves, and after each conflict opens the product again and retries. Returns the number of conflicts. */
async function saveUntilAccepted(
  shop: Shop,
  draft: Draft,
  changeOf: (draft: Draft) => Change,
): Promise<number> {
  if (await shop.save(draft, changeOf(draft))) return 0;
  return 1 + (await saveUntilAccepted(shop, await shop.open(draft.product), changeOf));
}
