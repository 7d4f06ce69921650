// The order in which Jest runs the tests: the longest first, because a long test that began last would leave the other processors idle.
import Sequencer from '@jest/test-sequencer';

/** The paths of tests that begin early, the longest first. Jest orders the tests of one rank, and all others, by their last duration. */
const EARLY = [
  '/test/src/load/',
  '/test/src/rolling/',
  '/test/src/local/',
  '/test/src/clients/',
  '/test/src/faults/',
  '/bench/src/',
  '/test/src/queue/',
  '/test/src/size/',
  '/subgraphs/users/src/users',
  '/test/src/seed/',
  '/test/src/security/',
  '/test/src/monitoring/monitoring',
  '/gateway/src/gateway',
  // These wait most of their time. Beside tests that compute they cost little; at the end of the run the processors would idle.
  '/local/src/postgres/',
  '/gateway/src/federation/subgraph',
  '/platform/src/auth/',
  '/platform/src/http/',
  '/test/src/',
];

const rankOf = ({ path }) => {
  const rank = EARLY.findIndex((part) => path.includes(part));
  return rank === -1 ? EARLY.length : rank;
};

export default class LongTestsFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
