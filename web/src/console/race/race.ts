// Two editors and forty buyers compete for one product. Each editor writes its marks into the description, one at a time, as a careful
// client does: with the version that it has read, and after a conflict again on top of the current text. So in the end no mark may be
// missing, and no more units may be sold than the stock had.
import type { ApolloClient } from '@apollo/client';
import {
  CreateProductDocument,
  PlaceOrderDocument,
  RacedProductDocument,
  type RacedProductQuery,
  UpdateProductDocument,
} from '../../generated/operations.ts';
import { makeKey } from '../../shared/make-key.ts';
import { errorOf } from '../ui/error.ts';
import { given, problemText } from '../ui/problem.ts';

export const UNITS = 20;
export const BUYERS = 40;
export const MARKS_EACH = 10;
const EDITORS = ['A', 'B'] as const;
type EditorName = (typeof EDITORS)[number];
/** An editor gives up after this many conflicts in a row. Each conflict is caused by a save of the other editor. */
const MAX_CONFLICTS = 50;
/** The race waits at most this long for the outcome of an order. */
const WAIT_MS = 10_000;

export interface EditorCount {
  readonly accepted: number;
  /** Saves that were refused because the other editor saved first. Each was retried. */
  readonly refused: number;
}

export interface OrderCount {
  readonly confirmed: number;
  readonly soldOut: number;
  /** Accepted, but not settled while the race waited. */
  readonly pending: number;
  /** Refused by the limit of orders a minute. */
  readonly limited: number;
}

export interface Race {
  readonly productId: string;
  readonly editors: Readonly<Record<EditorName, EditorCount>>;
  readonly orders: OrderCount;
  /** Seconds until a limited order may be sent again. */
  readonly retryAfter: number | undefined;
  /** The product at the end. */
  readonly end: { readonly stock: number; readonly marks: number; readonly version: number } | undefined;
}

type RacedProduct = NonNullable<RacedProductQuery['product']>;

/**
 * Runs the race. After all callers have ended, throws the first unexpected outcome.
 * @param show receives the state of the race at each step
 */
export async function runRace(client: ApolloClient, show: (race: Race) => void): Promise<void> {
  const product = await makeProduct(client);
  let race: Race = {
    productId: product.id,
    editors: { A: { accepted: 0, refused: 0 }, B: { accepted: 0, refused: 0 } },
    orders: { confirmed: 0, soldOut: 0, pending: 0, limited: 0 },
    retryAfter: undefined,
    end: undefined,
  };
  const change = (changed: Partial<Race>) => {
    race = { ...race, ...changed };
    show(race);
  };
  const countEdit = (name: EditorName, what: keyof EditorCount) => {
    const count = race.editors[name];
    change({ editors: { ...race.editors, [name]: { ...count, [what]: count[what] + 1 } } });
  };
  const countOrder = (what: keyof OrderCount, retryAfter = race.retryAfter) =>
    change({ orders: { ...race.orders, [what]: race.orders[what] + 1 }, retryAfter });
  show(race);
  const ended = await Promise.allSettled([
    ...EDITORS.map((name) => edit(client, product, name, (what) => countEdit(name, what))),
    ...Array.from({ length: BUYERS }, () => buy(client, product.id, countOrder)),
  ]);
  const failed = ended.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const { stock, description, version } = await read(client, product.id);
  change({ end: { stock, marks: description?.match(/[AB]\d+/g)?.length ?? 0, version } });
}

async function makeProduct(client: ApolloClient): Promise<RacedProduct> {
  const { data } = await client.mutate({
    mutation: CreateProductDocument,
    variables: {
      input: {
        name: `Raced product of ${new Date().toLocaleTimeString()}`,
        description: 'Marks:',
        price: '5.00',
        stock: UNITS,
        idempotencyKey: makeKey(),
      },
    },
  });
  const result = given(data?.createProduct);
  if (result.__typename !== 'Product') throw new Error(problemText(result));
  return result;
}

async function edit(
  client: ApolloClient,
  product: RacedProduct,
  name: EditorName,
  count: (what: keyof EditorCount) => void,
): Promise<void> {
  let seen: RacedProduct = product;
  for (let mark = 1; mark <= MARKS_EACH; mark += 1) {
    for (let conflicts = 0; ; conflicts += 1) {
      const { data } = await client.mutate({
        mutation: UpdateProductDocument,
        variables: {
          id: seen.id,
          expectedVersion: seen.version,
          input: { description: `${seen.description} ${name}${mark}` },
        },
      });
      const result = given(data?.updateProduct);
      if (result.__typename === 'Product') {
        count('accepted');
        seen = result;
        break;
      }
      if (result.__typename !== 'VersionConflict' || conflicts === MAX_CONFLICTS)
        throw new Error(problemText(result));
      count('refused');
      seen = result.current;
    }
  }
}

async function buy(
  client: ApolloClient,
  productId: string,
  count: (what: keyof OrderCount, retryAfter?: number) => void,
): Promise<void> {
  try {
    const { data } = await client.mutate({
      mutation: PlaceOrderDocument,
      variables: { input: { productId, quantity: 1, idempotencyKey: makeKey(), waitMs: WAIT_MS } },
    });
    const result = given(data?.createOrder);
    if (result.__typename === 'Order') count(result.status === 'PENDING' ? 'pending' : 'confirmed');
    else if (result.__typename === 'OutOfStock') count('soldOut');
    else throw new Error(problemText(result));
  } catch (error) {
    const shown = errorOf(error);
    if (shown?.code !== 'RATE_LIMITED') throw error;
    count('limited', shown.retryAfter);
  }
}

async function read(client: ApolloClient, id: string): Promise<RacedProduct> {
  const { data } = await client.query({
    query: RacedProductDocument,
    variables: { id },
    fetchPolicy: 'network-only',
  });
  return given(data?.product);
}
