// One service is slow, loses its reply, is killed or ends; callers leave; Redis fails. All on one system.
import { describe } from '@jest/globals';
import { useShop } from '../support/shop.ts';
import { describeAbsence } from './absence.ts';
import { describeCallers } from './callers.ts';
import { describeDeadlines } from './deadlines.ts';
import { describeRedis, describeRedisConnection } from './redis.ts';
import { useLinks } from './suite.ts';

const links = useLinks();
const suite = { ...useShop(() => links.options), links };

describe('a caller', () => describeCallers(suite));
describe('a deadline', () => describeDeadlines(suite));
describe('Redis', () => describeRedis(suite));
describe('a connection to Redis', describeRedisConnection);
// The last one, because it leaves users and orders dead.
describe('a service', () => describeAbsence(suite));
