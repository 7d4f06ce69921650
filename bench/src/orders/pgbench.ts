// Measures PostgreSQL alone: `pgbench` sends only the necessary statements of an order, each with its own commit.
import { execFile } from 'node:child_process';
import { access, constants, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const SCRIPT = `\\set product random(:first, :last)
INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price)
  VALUES (:user, :product, 1, 10, 10) RETURNING id \\gset
UPDATE products.products SET stock = stock - 1, version = version + 1 WHERE id = :product AND stock >= 1;
INSERT INTO products.reservations (order_id, user_id, product_id, quantity, status) VALUES (:id, :user, :product, 1, 'HELD');
UPDATE orders.orders SET status = 'CONFIRMED', version = version + 1 WHERE id = :id AND status = 'PENDING';
`;
const DEBIAN = '/usr/lib/postgresql';

/** The path of the newest installed `pgbench`; undefined when there is none. */
export async function findPgbench(): Promise<string | undefined> {
  const versions = (await readdir(DEBIAN).catch(() => [])).sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  for (const folder of folders) {
    const path = join(folder, 'pgbench');
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

export interface PgbenchOptions {
  readonly program: string;
  readonly databaseUrl: string;
  /** A folder for the script. */
  readonly folder: string;
  readonly clients: number;
  /** Stops after this number of orders or, when it is undefined, after `seconds`. */
  readonly orders: number | undefined;
  readonly seconds: number;
  readonly userId: number;
  /** The first and the last id of a range of products. */
  readonly products: readonly [first: number, last: number];
}

/** Returns the rate and the number of orders. @throws when pgbench or an order fails */
export async function runPgbench(options: PgbenchOptions): Promise<{ perSecond: number; orders: number }> {
  const { program, databaseUrl, folder, clients, orders: most, seconds, userId, products } = options;
  const script = join(folder, 'order.sql');
  await writeFile(script, SCRIPT);
  const variables = { user: userId, first: products[0], last: products[1] };
  const { stdout } = await promisify(execFile)(program, [
    ...['--no-vacuum', '--protocol', 'prepared', '--file', script, '--jobs', '2'],
    ...['--client', String(clients)],
    ...(most === undefined
      ? ['--time', String(seconds)]
      : ['--transactions', String(Math.ceil(most / clients))]),
    ...Object.entries(variables).flatMap(([name, value]) => ['--define', `${name}=${value}`]),
    databaseUrl,
  ]);
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]);
  const orders = Number(/^number of transactions actually processed: (\d+)/m.exec(stdout)?.[1]);
  if (!(perSecond > 0 && orders > 0)) throw new Error(`pgbench gave no rate: ${stdout}`);
  return { perSecond, orders };
}
