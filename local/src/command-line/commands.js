// What can be typed: every command of package.json that is ours, with what it does and takes. `--help` shows this table, and
// command-line.js holds each command line to it. (`types`, `lint` and `format` are the command lines of tsc and biome.)
// Plain JavaScript without packages, because on a fresh clone there is nothing else.

/** @param {string} does */
const flag = (does) => ({ kind: /** @type {const} */ ('flag'), does });

/**
 * A text; `value` is what it is called in the help.
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

const reset = flag('deletes the data first, and begins anew');
const profile = text('FOLDER', 'writes CPU profiles there, which makes it slower');
const rounds = (/** @type {number} */ usual) =>
  count(1, `how often each is measured, in alternation; default ${usual}`);

/**
 * `program` is what scripts/run.mjs runs, after the steps of the set-up in `steps` (scripts/setup.mjs; default: all). `takes` are
 * the arguments: one in brackets is optional, one with dots can come more than once. `others` is the program whose options the
 * command also takes; that program refuses those that it does not know.
 */
export const COMMANDS = {
  start: {
    does: 'Runs the whole system on this machine until Ctrl-C. Settings: docs/settings.md.',
    options: { reset },
  },
  dev: {
    does: 'Is npm start, and restarts the services whose sources are saved.',
    options: { reset, inspect: flag('opens an inspector of Node for each service') },
  },
  test: {
    does: 'Installs what is missing, lints, checks types and drift, and runs every test, or those whose path matches.',
    takes: ['[PATTERN...]'],
    others: 'jest',
    options: {},
  },
  'test:long': {
    does: 'Runs the race, model and crash tests over and over.',
    takes: ['[PATTERN...]'],
    others: 'jest',
    options: { minutes: count(1, 'for how long; default 10') },
  },
  setup: {
    does: 'Installs the packages and generates code, each only when what it is made from has changed.',
    options: {},
  },
  seed: {
    program: 'local/src/programs/seed-shop.ts',
    does:
      'Adds a shop of any size to the database of the running npm start, or of DATABASE_URL (an administrator’s). ' +
      'The same numbers again add what is missing of it; another --seed adds another shop.',
    options: {
      products: count(1, 'default 10000'),
      orders: count(0, 'of the 60 days before today; default 20000'),
      users: count(1, 'accounts, which share one password; default 1000'),
      seed: count(0, 'the name of all random numbers; default 1'),
      yes: flag('adds it to the database of another machine, too'),
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
    does: 'Prints a new key by which services know each other, and its public half.',
    options: {},
  },
  'keys:rotate': {
    program: 'local/src/programs/rotate-keys.ts',
    does: 'Puts a new signing key beside the old ones, and says when each of them signs.',
    options: { file: text('FILE', 'with the keys; default: the one of DATA_DIR') },
  },
  'db:migrate': {
    program: 'prisma/src/cli.ts',
    does:
      'Migrates the database of DATABASE_URL. `status` only tells, by the exit code, whether it has every migration; ' +
      '`wait` waits ten minutes for that.',
    takes: ['[status|wait]'],
    options: {},
  },
  'db:migration': {
    program: 'local/src/programs/new-migration.ts',
    // The Prisma schema has just changed, so the rest of the code may not fit it yet.
    steps: ['prismaClient'],
    does: 'Writes the next migration from what has changed in prisma/schema.',
    takes: ['NAME'],
    options: {},
  },
  settings: {
    does: 'Writes docs/settings.md and .env.example from the tables of settings.',
    options: { check: flag('writes nothing and fails when one is out of date') },
  },
  smoke: {
    does: 'Tries a running system from outside: makes an account, places an order, waits until it is CONFIRMED, cancels it.',
    options: {
      base: text('URL', 'of the gateway; default http://localhost:4000'),
      token: text(
        'TOKEN',
        'an access token of staff, with which a product is made and deleted; default: one in stock is ordered',
      ),
    },
  },
  'k8s:secrets': {
    program: 'local/src/programs/make-k8s-secrets.ts',
    does: 'Makes the secrets of k8s/overlays/local, for a cluster of your own.',
    options: {},
  },
  bench: {
    program: 'bench/src/main.ts',
    does: 'Measures what a request costs the gateway, beside other gateways, and what an order costs.',
    options: {
      case: text('NAMES', 'cases, with commas between; default: all'),
      gateway: text('NAMES', 'gateways, with commas between; default: all'),
      rounds: rounds(11),
      requests: count(1, 'the most requests of one measurement'),
      texts: count(1, 'how many different texts come in the case memory; default 10000'),
      json: text('FILE', 'writes every figure'),
      svg: text('FILE', 'draws the ratios'),
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
    does: 'Measures logins, and what reads take meanwhile.',
    takes: ['[ARGON2_CONCURRENCY]'],
    options: {},
  },
  'bench:metrics': {
    program: 'test/src/bench/metrics.ts',
    does: 'Measures what the metrics cost.',
    options: {},
  },
  'bench:partitions': {
    program: 'test/src/bench/partitions.ts',
    does: 'Measures what orders cost PostgreSQL in one table and in partitions.',
    options: { orders: count(1, 'default 400000'), rounds: rounds(15) },
  },
  'bench:replica': {
    program: 'test/src/bench/replica.ts',
    does: 'Measures what lists cost the primary with a replica and without.',
    options: { rounds: rounds(5) },
  },
  'bench:size': {
    program: 'test/src/bench/size.ts',
    does: 'Measures what each question costs PostgreSQL in a small shop and in a large one.',
    options: {
      small: count(1, 'products of the small one; default 10000'),
      large: count(1, 'products of the large one; default 1000000'),
      rounds: rounds(25),
      sales: count(1, 'units that are sold; default 100000'),
    },
  },
  'bench:subgraph': {
    program: 'test/src/bench/subgraph.ts',
    does: 'Measures what a request costs a subgraph.',
    options: {
      base: text('FOLDER', 'another working copy, which is measured beside this one'),
      rounds: rounds(5),
      profile,
      only: text('NAME', 'the cases whose name has this'),
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
