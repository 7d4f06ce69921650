// The two races. What is counted is what people were told beside what the shop then has.
import type { Change, Draft, Shop } from './shop.ts';

export interface Sale {
  /** Buyers who were told that their order stands. */
  readonly told: number;
  /** Units that the shop has set aside for orders, by its own books. */
  readonly booked: number;
  /** What the buyers got who were told neither: an error, or no answer in time. */
  readonly errors: readonly string[];
}

/** How many buyers get ready at a time. */
const AT_A_TIME = 10;

/** Buyers who stand at the last step take it, together or one after the other. */
export async function sell(
  shop: Shop,
  { buyers, units, together }: { buyers: number; units: number; together: boolean },
): Promise<Sale> {
  const product = await shop.offer(units);
  const steps: (() => Promise<boolean>)[] = [];
  while (steps.length < buyers)
    steps.push(...(await Promise.all(Array.from({ length: AT_A_TIME }, () => shop.checkOut(product)))));
  const answers = together ? await Promise.all(steps.map(answerOf)) : await inTurn(steps, answerOf);
  return {
    told: answers.filter((answer) => answer === true).length,
    booked: await shop.booked(product),
    errors: answers.filter((answer) => typeof answer === 'string'),
  };
}

/** The outcome that the buyer sees, or the error in its place. */
const answerOf = (step: () => Promise<boolean>): Promise<boolean | string> =>
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
  /** The units that were gone without a reply that said so. */
  readonly lost: number;
  /** Saves that the shop refused because the product had changed; the editor opened it anew and saved again. */
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

/** Saves as a person does who opens the product anew when told that it changed; resolves with how often that was. */
async function saveUntilAccepted(
  shop: Shop,
  draft: Draft,
  changeOf: (draft: Draft) => Change,
): Promise<number> {
  if (await shop.save(draft, changeOf(draft))) return 0;
  return 1 + (await saveUntilAccepted(shop, await shop.open(draft.product), changeOf));
}
