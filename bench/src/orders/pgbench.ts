// What PostgreSQL alone can do: the statements that an order cannot do without, each committed, sent by `pgbench`.
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

/** The path of the newest `pgbench` that is installed; undefined without any. */
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
  /** Where the script may be written. */
  readonly folder: string;
  readonly clients: number;
  /** Until so many were placed or, without such a number, until so much time has passed. */
  readonly orders: number | undefined;
  readonly seconds: number;
  readonly userId: number;
  /** The first and the last id of the products, which follow each other. */
  readonly products: readonly [first: number, last: number];
}

/** How many orders were placed. @throws when it fails, or any order does */
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
