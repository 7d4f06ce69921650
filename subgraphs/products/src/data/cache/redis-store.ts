// The cache in Redis. Values are text: `<version>|<shape>|<json>`, `L|<token>`, `F|` and the
// newest published product if any; pages `<generation>|<json>`.
import { createHash } from 'node:crypto';
import type { Redis } from '@holdfast/platform/redis';
import { z } from 'zod';
import { PRODUCT, type Product } from '../product-row.ts';
import {
  type CacheStore,
  type Entry,
  FENCE_TTL_MS,
  jittered,
  LEASE_TTL_MS,
  PAGE_TTL_MS,
  PRODUCT_TTL_MS,
} from './store.ts';

/** KEYS: entries. ARGV: lease, its TTL. Returns the values that are there then. */
const LEASE = `
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) end
return redis.call('MGET', unpack(KEYS))`;

/** KEYS: entries. ARGV: lease, TTL, then a value for each key, or '' for none. */
const FILL = `
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then
    if ARGV[i + 2] == '' then redis.call('DEL', key)
    else redis.call('SET', key, ARGV[i + 2], 'PX', ARGV[2]) end
  end
end`;

/** The time, ms; and a generation that was never used before, should the last one have been lost. */
const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fresh = time[1] * 1000000 + time[2]`;

/** KEYS: entry, its writers, generation, all writers. ARGV: token, fence TTL. */
const FENCE = `${CLOCK}
local current = redis.call('GET', KEYS[1])
if current and string.sub(current, 1, 2) == 'F|' then redis.call('PEXPIRE', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], 'F|', 'PX', ARGV[2]) end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[4], now + ARGV[2], ARGV[1])
redis.call('SET', KEYS[3], string.format('%.0f', fresh), 'NX')
redis.call('INCR', KEYS[3])`;

/** KEYS: as for FENCE. ARGV: token, fence TTL, TTL, value or ''. */
const PUBLISH = `${CLOCK}
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('SET', KEYS[3], string.format('%.0f', fresh), 'NX')
redis.call('INCR', KEYS[3])
local held = redis.call('ZREM', KEYS[2], ARGV[1]) == 1
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local others = redis.call('ZCARD', KEYS[2]) > 0
local current = redis.call('GET', KEYS[1]) or ''
local kept = string.sub(current, 1, 2) == 'F|' and string.sub(current, 3) or current
local version = function(value) return tonumber(string.match(value, '^(%d+)|') or 0) end
local newest = version(kept) > version(ARGV[4]) and kept or ARGV[4]
if others then redis.call('SET', KEYS[1], 'F|' .. newest, 'PX', ARGV[2])
elseif held and newest ~= '' then redis.call('SET', KEYS[1], newest, 'PX', ARGV[3])
else redis.call('DEL', KEYS[1]) end`;

const WRITERS = `${CLOCK}
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local writing = redis.call('ZCARD', KEYS[2]) > 0
redis.call('SET', KEYS[1], string.format('%.0f', fresh), 'NX')
local generation = redis.call('GET', KEYS[1])`;

/** KEYS: generation, writers, page. Returns the generation, or '' while somebody writes, and the page if it is of it. */
const READ_PAGE = `${WRITERS}
if writing then return { '' } end
local page = redis.call('GET', KEYS[3])
local prefix = generation .. '|'
if page and string.sub(page, 1, #prefix) == prefix then return { generation, string.sub(page, #prefix + 1) } end
return { generation }`;

/** KEYS: generation, writers, page. ARGV: generation, TTL, page. */
const FILL_PAGE = `${WRITERS}
if writing or generation ~= ARGV[1] then return end
redis.call('SET', KEYS[3], generation .. '|' .. ARGV[3], 'PX', ARGV[2])`;

/**
 * Which columns a cached row has, and their types. While a change of the schema is rolled out, instances with other columns share the
 * cache: they share its fences, but none takes a row of another shape.
 */
const SHAPE = createHash('sha256').update(JSON.stringify(PRODUCT)).digest('base64url').slice(0, 8);

const texts = z.array(z.string().nullable());
const pageReply = z.tuple([z.string()], z.string());

/** What JSON makes of a value: a date is text. What it cannot give back is not known, so `revive` has to say. */
type InJson<Value> = Value extends string | number | boolean | null
  ? Value
  : Value extends Date
    ? string
    : unknown;

/** What this module wrote. (A reviver of JSON would be called for every member: twice the time.) */
type Stored = { readonly [Field in keyof Product]: InJson<Product[Field]> };

const revive = (stored: Stored): Product => ({
  ...stored,
  createdAt: new Date(stored.createdAt),
  updatedAt: new Date(stored.updatedAt),
  archivedAt: stored.archivedAt === null ? null : new Date(stored.archivedAt),
});

const parseProduct = (json: string): Product => revive(JSON.parse(json));
const parseProducts = (json: string): Product[] => JSON.parse(json).map(revive);

function parseEntry(text: string | null): Entry {
  if (text === null) return { kind: 'none' };
  const bar = text.indexOf('|');
  const head = text.slice(0, bar);
  if (head === 'L') return { kind: 'lease', token: text.slice(bar + 1) };
  if (head === 'F') return { kind: 'fence' };
  const json = text.indexOf('|', bar + 1) + 1;
  // As if it were being written: read from the database, and left as it is for those who know that shape.
  if (text.slice(bar + 1, json - 1) !== SHAPE) return { kind: 'fence' };
  return { kind: 'product', product: parseProduct(text.slice(json)) };
}

const textOf = (product: Product | undefined): string =>
  product ? `${product.version}|${SHAPE}|${JSON.stringify(product)}` : '';

/**
 * The cache under a namespace of `redis`.
 * @param fenceTimeoutMs how long a write waits to be fenced, before it does it the slow way (control.ts)
 */
export function createRedisStore(redis: Redis, namespace: string, fenceTimeoutMs: number): CacheStore {
  const keyOf = (id: number): string => `${namespace}:product:${id}`;
  const generation = `${namespace}:generation`;
  const writers = `${namespace}:writers`;
  const keysOf = (id: number): string[] => [keyOf(id), `${keyOf(id)}:writers`, generation, writers];
  const pageKey = (key: string): string => `${namespace}:page:${SHAPE}:${key}`;
  const script = (text: string, keys: string[], args: string[], timeoutMs?: number): Promise<unknown> =>
    redis.run((client) => client.eval(text, { keys, arguments: args }), timeoutMs);

  return {
    read: async (ids) => (await redis.run((client) => client.mGet(ids.map(keyOf)))).map(parseEntry),
    lease: async (ids, token) => {
      const values = await script(LEASE, ids.map(keyOf), [`L|${token}`, String(LEASE_TTL_MS)]);
      return texts.parse(values).map(parseEntry);
    },
    fill: async (ids, token, products) => {
      const values = ids.map((id) => textOf(products.get(id)));
      await script(FILL, ids.map(keyOf), [`L|${token}`, String(jittered(PRODUCT_TTL_MS)), ...values]);
    },
    fence: async (id, token) => {
      await script(FENCE, keysOf(id), [token, String(FENCE_TTL_MS)], fenceTimeoutMs);
    },
    publish: async (id, token, product) => {
      const args = [token, String(FENCE_TTL_MS), String(jittered(PRODUCT_TTL_MS)), textOf(product)];
      await script(PUBLISH, keysOf(id), args, fenceTimeoutMs);
    },
    readPage: async (key) => {
      const [current, page] = pageReply.parse(
        await script(READ_PAGE, [generation, writers, pageKey(key)], []),
      );
      if (page !== undefined) return { kind: 'page', products: parseProducts(page) };
      return { kind: 'none', generation: current === '' ? undefined : current };
    },
    fillPage: async (key, under, products) => {
      const args = [under, String(jittered(PAGE_TTL_MS)), JSON.stringify(products)];
      await script(FILL_PAGE, [generation, writers, pageKey(key)], args);
    },
  };
}
