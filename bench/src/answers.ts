// Checks before the measurement that every contender answers the same requests with the same data.
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Contender } from './cases.ts';
import type { BenchRequest } from './requests.ts';
import type { BenchSystem } from './system.ts';

/** The number of requests that are checked. */
const CHECKED = 20;

const graphqlReply = z.strictObject({ data: z.record(z.string(), z.unknown()) });
const product = z.strictObject({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  price: z.string(),
  stock: z.number(),
  version: z.number(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
const restProduct = z.strictObject({
  id: z.number(),
  name: z.string(),
  description: z.string(),
  price: z.number(),
  stock: z.number(),
  version: z.number(),
  created_at: z.string(),
  updated_at: z.string(),
});

/** @throws when the answers of a contender differ from those of the first one */
export async function checkAnswers(system: BenchSystem, contenders: readonly Contender[]): Promise<void> {
  const [first, ...others] = await Promise.all(contenders.map((contender) => answersOf(system, contender)));
  const isRest = contenders.some(({ requests }) => requests[0]?.method === 'GET');
  const wanted = isRest ? first?.map(asRest) : first;
  others.forEach((answers, index) => {
    checkSame(contenders[0]?.name, wanted ?? [], contenders[index + 1]?.name, answers);
  });
}

/** @throws when two contenders' answers to the same requests differ */
export function checkSame(
  first: string | undefined,
  wanted: readonly unknown[],
  other: string | undefined,
  answers: readonly unknown[],
): void {
  const differing = wanted.findIndex((answer, request) => !isDeepStrictEqual(answer, answers[request]));
  if (differing === -1) return;
  const shown = (answer: unknown) => JSON.stringify(answer);
  throw new Error(`${other} answers ${shown(answers[differing])}, ${first} ${shown(wanted[differing])}`);
}

async function answersOf(system: BenchSystem, { gateway, requests }: Contender): Promise<unknown[]> {
  const { url } = await system.gateway(gateway);
  return Promise.all(requests.slice(0, CHECKED).map((request) => answerTo(url, request, system.token)));
}

async function answerTo(url: string, { method, path, body }: BenchRequest, token: string): Promise<unknown> {
  const reply = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body }),
  });
  const text = await reply.text();
  if (reply.status !== 200) throw new Error(`${url} answers ${reply.status}: ${text.slice(0, 500)}`);
  const value: unknown = JSON.parse(text);
  return method === 'GET' ? value : graphqlReply.parse(value).data;
}

const page = z.object({ products: z.object({ edges: z.array(z.object({ node: product })) }) });
const single = z.object({ product });

/** The REST reply for the product or the page of a GraphQL answer. */
function asRest(data: unknown): unknown {
  const one = single.safeParse(data);
  return one.success
    ? asRestProduct(one.data.product)
    : page.parse(data).products.edges.map(({ node }) => asRestProduct(node));
}

function asRestProduct({ id, price, createdAt, updatedAt, ...same }: z.infer<typeof product>) {
  const mapped = {
    ...same,
    id: Number(id),
    price: Number(price),
    created_at: createdAt,
    updated_at: updatedAt,
  };
  return restProduct.parse(mapped);
}
