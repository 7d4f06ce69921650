// Counts calls in Redis, for all gateways together. One script reads and writes, so that no other call comes in between.
import type { Redis } from '@holdfast/platform/redis';
import { z } from 'zod';
import type { Counters } from './counters.ts';

/**
 * A fixed window: one number, which the first call creates and which expires. It takes the same memory for every limit. Its
 * drawback: around the moment when one window ends and the next begins, up to 2 × max calls may be allowed.
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

/** Creates counters that throw `RedisUnavailable` when Redis does not answer in time. */
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
