// Makes columns of type "char" readable for the schema engine, which expects characters. adapter-pg 7.10 refuses results with such a
// column, and PostgreSQL's catalogs have many of them (github.com/prisma/orm/issues/27403 reports the same for `name`).
import { ColumnTypeEnum, type SqlDriverAdapter } from '@prisma/driver-adapter-utils';
import pg from 'pg';

/** The one-byte type of the catalogs, which is not char(1). */
const CHAR: number = pg.types.builtins.CHAR;

/** Makes `adapter` return "char" columns as characters. Changes the adapter and its `pool`. */
export function addCharType<Adapter extends SqlDriverAdapter>(adapter: Adapter, pool: pg.Pool): Adapter {
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

/** Declares "char" fields as text, which adapter-pg accepts, and remembers their positions by the array of rows. */
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
