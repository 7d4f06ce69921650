// The order in which Jest runs the tests. Those of the whole system take minutes, the others seconds: a long one that came last
// would leave the other processors idle.
import Sequencer from '@jest/test-sequencer';

/** Folders of long tests. Those of errors mostly wait, beside one that computes. All else comes after, as Jest would have it. */
const LONG = ['rolling', 'errors', 'local', 'cache', 'security', ''].map((folder) => `/test/src/${folder}`);

const rankOf = ({ path }) => {
  const rank = LONG.findIndex((folder) => path.includes(folder));
  return rank === -1 ? LONG.length : rank;
};

export default class LongTestsFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
