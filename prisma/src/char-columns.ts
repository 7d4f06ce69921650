// Columns of type "char" for the schema engine. adapter-pg 7.10 refuses a result that has one, PostgreSQL's
// catalogs are full of them (github.com/prisma/orm/issues/27403 is the same for `name`), and the engine wants
// them as characters.
import { ColumnTypeEnum, type SqlDriverAdapter } from '@prisma/driver-adapter-utils';
import pg from 'pg';

/** The one-byte type of the catalogs; char(1) is another. */
const CHAR: number = pg.types.builtins.CHAR;

/** Makes `adapter`, which reads through `pool`, give "char" columns as characters. Changes both. */
export function knowingCharType<Adapter extends SqlDriverAdapter>(adapter: Adapter, pool: pg.Pool): Adapter {
  const positions = passCharAsText(pool);
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const position of positions.get(result.rows) ?? []) {
      result.columnTypes[position] = ColumnTypeEnum.Character;
    }
    return result;
  };
  return adapter;
}

/** Declares "char" fields as text, which adapter-pg passes on, and keeps where they were, by the rows' array. */
function passCharAsText(pool: pg.Pool): WeakMap<object, number[]> {
  const positions = new WeakMap<object, number[]>();
  const query = pool.query;
  const declared = async (...args: unknown[]): Promise<unknown> => {
    const result: unknown = await Reflect.apply(query, pool, args);
    if (result instanceof pg.Result) {
      const found = result.fields.flatMap((field, position) => (field.dataTypeID === CHAR ? [position] : []));
      positions.set(result.rows, found);
      for (const field of result.fields) {
        if (field.dataTypeID === CHAR) field.dataTypeID = pg.types.builtins.TEXT;
      }
    }
    return result;
  };
  Object.defineProperty(pool, 'query', { value: declared });
  return positions;
}
