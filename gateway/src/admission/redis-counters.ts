// Counts calls in Redis, for all gateways together: one script a count, so that nothing comes between look and write.
import type { Redis } from '@holdfast/platform/redis';
import { z } from 'zod';
import type { Counters } from './counters.ts';

/**
 * A fixed window: one number that opens with the first call and expires. It costs the same bytes whatever the limit
 * is; the price is that two windows back to back may let through 2 × max around the moment they meet.
 */
const TAKE = `
local wanted, max, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local taken, left = tonumber(redis.call('GET', KEYS[1])) or 0, redis.call('PTTL', KEYS[1])
local open = left > 0
if not open then taken, left = 0, window end
local granted = math.max(0, math.min(wanted, max - taken))
if granted > 0 and open then redis.call('INCRBY', KEYS[1], granted) end
if granted > 0 and not open then redis.call('SET', KEYS[1], granted, 'PX', window) end
return { granted, math.max(0, max - taken - granted), left }`;

const PREFIX = 'holdfast:limit:';
const reply = z.tuple([z.int(), z.int(), z.int()]);

/** Counters that throw `RedisUnavailable` when Redis does not answer in time. */
export function createRedisCounters(redis: Redis): Counters {
  return {
    take: (key, wanted, { max, windowMs }) =>
      redis.run(async (client) => {
        const [granted, remaining, resetMs] = reply.parse(
          await client.eval(TAKE, {
            keys: [PREFIX + key],
            arguments: [wanted, max, windowMs].map(String),
          }),
        );
        return { granted, remaining, resetMs };
      }),
  };
}
