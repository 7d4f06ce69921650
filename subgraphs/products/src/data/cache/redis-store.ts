// The cache in Redis. An entry is `<generation>|L<token>` or `<generation>|<shape><json>`; entries of products have no generation.
// The generation and the fences are one value, the state, so that a hit is one MGET of the state and of the entries.
import { createHash } from 'node:crypto';
import type { Redis } from '@holdfast/platform/redis';
import { z } from 'zod';
import { PRODUCT, type Product } from '../product-row.ts';
import type { ByName, CacheStore, Entry } from './store.ts';
import { DEFAULT_FENCE_MS, jittered, leaseOf, nameOf, PAGE } from './store.ts';

/** A fence has the time at which the fence of each writer expires, by token, and whether it had two writers at the same time. */
type State = { readonly generation: string; readonly fences: Readonly<Record<string, unknown>> };

/** KEYS: state, entries. A generation is the time of the change, so that no generation repeats, even if Redis loses the state. */
const withState = (work: string): string => `
local time, token, ttl = redis.call('TIME'), ARGV[1], ARGV[2]
local now, fresh = time[1] * 1000 + math.floor(time[2] / 1000), string.format('%.0f', time[1] * 1000000 + time[2])
local state = cjson.decode(redis.call('GET', KEYS[1]) or '{"generation":"' .. fresh .. '","fences":{}}')
for name, fence in pairs(state.fences) do
  for writer, endsAt in pairs(fence.tokens) do
    if endsAt <= now then fence.tokens[writer], fence.isShared, state.generation = nil, true, fresh end
  end
  if not next(fence.tokens) then state.fences[name] = nil end
end
${work}
redis.call('SET', KEYS[1], cjson.encode(state))`;

/** ARGV: token, TTL, names; to fill leases also a value (or '') for each name. Without values it returns the values of the keys. */
const LEASE = `${withState(`
for i = 2, #KEYS do
  local name, value = ARGV[i + 1], ARGV[i + #KEYS]
  local head = (string.sub(name, 1, ${PAGE.length}) == '${PAGE}' and state.generation or '') .. '|'
  local lease, held = head .. 'L' .. token, redis.call('GET', KEYS[i]) or ''
  if not value and not state.fences[name] and string.sub(held, 1, #head) ~= head then
    redis.call('SET', KEYS[i], lease, 'PX', ttl)
  elseif value == '' and held == lease then redis.call('DEL', KEYS[i])
  elseif value and held == lease then redis.call('SET', KEYS[i], head .. value, 'PX', ttl) end
end`)}
return #ARGV == #KEYS + 1 and redis.call('MGET', unpack(KEYS))`;

/**
 * ARGV: token, TTL, '' if no product has changed, names; to end fences also a value (or '') for each name. The life of a value
 * begins with its fence, because a writer that cannot reach Redis may have written a newer row since.
 */
const createFenceScript = (fenceMs: number): string =>
  withState(`
if ARGV[3] ~= '' then state.generation = fresh end
for i = 2, #KEYS do
  local name, value = ARGV[i + 2], ARGV[i + 1 + #KEYS]
  local fence = state.fences[name] or { tokens = {} }
  local left = (fence.tokens[token] or 0) - ${fenceMs} + ttl - now
  if not value then fence.isShared = next(fence.tokens) ~= nil end
  fence.tokens[token] = not value and now + ${fenceMs} or nil
  state.fences[name] = next(fence.tokens) and fence
  redis.call('DEL', KEYS[i])
  if value and value ~= '' and left > 0 and not fence.isShared then redis.call('SET', KEYS[i], '|' .. value, 'PX', left) end
end`);

/** A hash of the columns. During a release that changes the columns, instances share fences but ignore rows of another shape. */
const SHAPE = `V${createHash('sha256').update(JSON.stringify(PRODUCT)).digest('base64url').slice(0, 8)}`;

const textOf = (products?: readonly Product[]) => (products ? SHAPE + JSON.stringify(products) : '');
const textsOf = (names: readonly string[], by?: ByName) => names.map((name) => textOf(by?.get(name)));

/** Restores the dates, which are texts in JSON. */
function revive(stored: Product): Product {
  const [createdAt, updatedAt] = [new Date(stored.createdAt), new Date(stored.updatedAt)];
  return { ...stored, createdAt, updatedAt, archivedAt: stored.archivedAt && new Date(stored.archivedAt) };
}

const reply = z.array(z.string().nullable());
/** Parses a reply of MGET. Undefined for a missing entry and for a page of an earlier generation. */
function parseEntries(
  names: readonly string[],
  [state, ...texts]: z.infer<typeof reply>,
): (Entry | undefined)[] {
  const { generation, fences }: State = JSON.parse(state ?? '{"generation":"","fences":{}}');
  return names.map((name, index) => {
    const [isPage, text] = [name.startsWith(PAGE), texts[index]];
    const head = isPage ? `${generation}|` : '|';
    if (name in fences) return { kind: 'fence' };
    if (!text?.startsWith(head)) return undefined;
    if (text.startsWith('L', head.length)) return { kind: 'lease', token: text.slice(head.length + 1) };
    if (!text.startsWith(SHAPE, head.length)) return { kind: 'fence' };
    const products: Product[] = JSON.parse(text.slice(head.length + SHAPE.length)).map(revive);
    if (isPage && products.some(({ id }) => nameOf(id) in fences)) return { kind: 'fence' };
    return { kind: 'products', products };
  });
}

/** How long a write waits for Redis before it continues without the cache. */
const WRITE_TIMEOUT_MS = 1_000;

/** @param namespace identifies the database, because products of another database have the same ids */
export function createRedisStore(
  redis: Redis,
  namespace: () => Promise<string>,
  ttlMs: number,
  fenceMs = DEFAULT_FENCE_MS,
): CacheStore {
  const fenceScript = createFenceScript(fenceMs);
  const keysOf = async (names: readonly string[]): Promise<string[]> => {
    const prefix = await namespace();
    return ['state', ...names].map((name) => `${prefix}:${name}`);
  };
  const run = async (script: string, names: readonly string[], args: unknown[], timeoutMs?: number) => {
    const keys = await keysOf(names);
    if (timeoutMs !== undefined) await redis.untilUp(timeoutMs);
    return redis.run((client) => client.eval(script, { keys, arguments: args.map(String) }), timeoutMs);
  };
  return {
    claim: async (names, token) => {
      const keys = await keysOf(names);
      const found = parseEntries(names, await redis.run((client) => client.mGet(keys)));
      const hits = found.filter((entry) => entry?.kind === 'products');
      if (hits.length === names.length) return hits;
      const values = await run(LEASE, names, [token, leaseOf(ttlMs), ...names]);
      return parseEntries(names, reply.parse(values)).map((entry) => entry ?? { kind: 'fence' });
    },
    fill: async (names, token, values) => {
      await run(LEASE, names, [token, jittered(ttlMs - leaseOf(ttlMs)), ...names, ...textsOf(names, values)]);
    },
    fence: async (names, token) => {
      await run(fenceScript, names, [token, ttlMs, '', ...names], WRITE_TIMEOUT_MS);
    },
    settle: async (names, token, written) => {
      const changed = written?.size === 0 ? '' : 'changed';
      const args = [token, jittered(ttlMs), changed, ...names, ...textsOf(names, written)];
      await run(fenceScript, names, args, WRITE_TIMEOUT_MS);
    },
  };
}
