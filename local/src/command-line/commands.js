// The commands of package.json with what each does and takes. `--help` shows this table, and command-line.js checks each command
// line against it. (`types`, `lint` and `format` are missing, because tsc and biome read their own command lines.)
// Plain JavaScript without packages, because a fresh clone has none.

/** @param {string} does */
const flag = (does) => ({ kind: /** @type {const} */ ('flag'), does });

/**
 * A text; `value` is its name in the help.
 * @param {string} value
 * @param {string} does
 */
const text = (value, does) => ({ kind: /** @type {const} */ ('text'), value, does });

/**
 * A whole number.
 * @param {number} least
 * @param {string} does
 */
const count = (least, does) => ({ kind: /** @type {const} */ ('count'), least, does });

const reset = flag('deletes all data before it starts');
const profile = text('FOLDER', 'writes CPU profiles to this folder; makes the measured programs slower');
const rounds = (/** @type {number} */ usual) =>
  count(1, `the number of measurements of each case, in turn; default ${usual}`);

/**
 * `program` is what scripts/run.mjs runs, after the steps of the set-up in `steps` (setup/set-up.mjs; default: all). `takes` are
 * the arguments: one in brackets is optional, one with dots can come more than once. `others` is the program whose options the
 * command also takes; that program refuses those that it does not know.
 */
export const COMMANDS = {
  start: {
    does: 'Runs the whole system on this machine until Ctrl-C. Settings: docs/settings.md.',
    options: { reset },
  },
  dev: {
    does: 'Runs npm start and restarts a service when one of its source files is saved.',
    options: { reset, inspect: flag('opens a Node inspector for each service') },
  },
  test: {
    does: 'Installs missing packages, lints, checks types and generated files, and runs every test, or those whose path matches.',
    takes: ['[PATTERN...]'],
    others: 'jest',
    options: {},
  },
  'test:long': {
    does: 'Repeats each race, model and crash test for some minutes.',
    takes: ['[PATTERN...]'],
    others: 'jest',
    options: { minutes: count(1, 'for how long each of them is repeated; default 10') },
  },
  setup: {
    does: 'Installs the packages and generates code, each only when its inputs have changed.',
    options: {},
  },
  seed: {
    program: 'local/src/programs/seed-shop.ts',
    does:
      'Adds a shop of any size to the database of the running npm start, or of DATABASE_URL (an administrator’s). ' +
      'The same numbers again add only what is missing; another --seed adds another shop.',
    options: {
      products: count(1, 'default 10000'),
      orders: count(0, 'of the 60 days before today; default 20000'),
      users: count(1, 'accounts, which share one password; default 1000'),
      seed: count(0, 'the start of all random numbers; default 1'),
      yes: flag('allows a database on another machine'),
    },
  },
  'users:promote': {
    program: 'local/src/programs/promote.ts',
    does: 'Makes an account staff, in the database of the running npm start or of DATABASE_URL.',
    takes: ['USERNAME_OR_ADDRESS'],
    options: {},
  },
  'keys:service': {
    program: 'local/src/programs/new-service-key.ts',
    does: 'Prints a new private key for service tokens, and its public key.',
    options: {},
  },
  'keys:rotate': {
    program: 'local/src/programs/rotate-keys.ts',
    does: 'Adds a new signing key to the old ones, and prints when each of them signs.',
    options: { file: text('FILE', 'with the keys; default: the one of DATA_DIR') },
  },
  'db:migrate': {
    program: 'prisma/src/cli.ts',
    does:
      'Migrates the database of DATABASE_URL. `status` only checks, by its exit code, whether the database has every migration; ' +
      '`wait` waits up to ten minutes for that.',
    takes: ['[status|wait]'],
    options: {},
  },
  'db:migration': {
    program: 'local/src/programs/new-migration.ts',
    // The Prisma schema has just changed, so the rest of the code may not fit it yet.
    steps: ['prismaClient'],
    does: 'Writes the next migration from the changes in prisma/schema.',
    takes: ['NAME'],
    options: {},
  },
  settings: {
    does: 'Writes docs/settings.md and .env.example from the tables of settings.',
    options: { check: flag('writes no file, and fails when one is out of date') },
  },
  smoke: {
    does: 'Tests a running system from outside: creates an account, places an order, waits until it is CONFIRMED, cancels it.',
    options: {
      base: text('URL', 'of the gateway; default http://localhost:4000'),
      token: text(
        'TOKEN',
        'an access token of staff, to create and delete a product for the order; default: orders a product in stock',
      ),
    },
  },
  'k8s:secrets': {
    program: 'local/src/programs/make-k8s-secrets.ts',
    does: 'Creates the secrets of k8s/overlays/local, for your own cluster.',
    options: {},
  },
  bench: {
    program: 'bench/src/main.ts',
    does: 'Measures the cost of a request in this gateway and in others, and the cost of an order.',
    options: {
      case: text('NAMES', 'cases, separated by commas; default: all'),
      gateway: text('NAMES', 'gateways, separated by commas; default: all'),
      rounds: rounds(11),
      requests: count(1, 'the most requests of one measurement'),
      texts: count(1, 'the number of different operations in the case memory; default 10000'),
      json: text('FILE', 'writes every figure to this file'),
      svg: text('FILE', 'draws the ratios into this file'),
      profile,
    },
  },
  'bench:cache': {
    program: 'test/src/bench/cache.ts',
    does: 'Measures reads of products with Redis and without.',
    options: {},
  },
  'bench:capacity': {
    program: 'test/src/bench/capacity.ts',
    does: 'Measures how many orders a second the system settles.',
    options: {},
  },
  'bench:login': {
    program: 'test/src/bench/login.ts',
    does: 'Measures logins, and the duration of reads at the same time.',
    takes: ['[ARGON2_CONCURRENCY]'],
    options: {},
  },
  'bench:metrics': {
    program: 'test/src/bench/metrics.ts',
    does: 'Measures the cost of the metrics.',
    options: {},
  },
  'bench:partitions': {
    program: 'test/src/bench/partitions.ts',
    does: 'Measures the cost of orders in PostgreSQL, in one table and in partitions.',
    options: { orders: count(1, 'default 400000'), rounds: rounds(15) },
  },
  'bench:replica': {
    program: 'test/src/bench/replica.ts',
    does: 'Measures the cost of lists for the primary, with a replica and without.',
    options: { rounds: rounds(5) },
  },
  'bench:size': {
    program: 'test/src/bench/size.ts',
    does: 'Measures the cost of each query in PostgreSQL, in a small shop and in a large one.',
    options: {
      small: count(1, 'products of the small shop; default 10000'),
      large: count(1, 'products of the large shop; default 1000000'),
      rounds: rounds(25),
      sales: count(1, 'sold units; default 100000'),
    },
  },
  'bench:subgraph': {
    program: 'test/src/bench/subgraph.ts',
    does: 'Measures the cost of a request in a subgraph.',
    options: {
      base: text('FOLDER', 'another working copy to measure together with this one'),
      rounds: rounds(5),
      profile,
      only: text('NAME', 'only the cases whose name contains this'),
    },
  },
};

/** @typedef {keyof typeof COMMANDS} CommandName */
/** @typedef {{ kind: 'flag', does: string } | { kind: 'text', value: string, does: string } | { kind: 'count', least: number, does: string }} Option */
/**
 * @typedef {object} Command
 * @property {string} does
 * @property {string} [program]
 * @property {readonly string[]} [steps]
 * @property {readonly string[]} [takes]
 * @property {string} [others]
 * @property {Readonly<Record<string, Option>>} options
 */
