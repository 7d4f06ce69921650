// Declarations of statements: their result, and those that are refused at once or by the type check.
import { describe, expect, it } from '@jest/globals';
import type { Queryable } from './database.ts';
import {
  arrayOf,
  bigint,
  boolean,
  bytea,
  type ColumnsOf,
  declaredStatements,
  enumeration,
  integer,
  notNull,
  nullable,
  numeric,
  type RowOf,
  type SqlTypes,
  type StatementOptions,
  selectList,
  statement,
  text,
  textOf,
  timestamptz,
} from './sql.ts';

const Size = { SMALL: 'SMALL', LARGE: 'LARGE' } as const;

/** As Prisma generates it. */
interface Thing {
  id: bigint;
  title: string;
  price: { toDecimalPlaces(): object };
  madeAt: Date;
  goneAt: Date | null;
  hash: Uint8Array | null;
  isNew: boolean;
  size: 'SMALL' | 'LARGE';
}

const THING = {
  id: bigint,
  title: text,
  price: numeric,
  madeAt: timestamptz,
  goneAt: nullable(timestamptz),
  hash: nullable(bytea),
  isNew: boolean,
  size: enumeration('public.size', Size),
} satisfies ColumnsOf<Thing>;
/** What a CHECK constraint allows. */
type Title = 'Cup' | 'Kettle';

describe('a statement', () => {
  const select = statement({
    name: 'things_select',
    text: `SELECT ${selectList(THING)} FROM things WHERE id = ANY ($ids) AND title = $title OR $title IS NULL`,
    parameters: { title: nullable(text), ids: arrayOf(bigint) },
    row: THING,
  });

  it('is sent with its parameters by number, in the order of their declaration', () => {
    expect(select.queryOf({ ids: [1, 2], title: null })).toMatchObject({
      name: 'things_select',
      text: `SELECT ${selectList(THING)} FROM things WHERE id = ANY ($2) AND title = $1 OR $1 IS NULL`,
      values: [null, [1, 2]],
    });
  });

  it('takes of its optional parameters those that its text has', () => {
    const optional = { id: bigint, title: nullable(text) };
    const byId = statement({
      name: 'things_by_id',
      text: 'SELECT FROM things WHERE id > $id LIMIT $max',
      parameters: { max: bigint },
      optional,
      row: {},
    });
    expect(declaredStatements().at(-1)).toMatchObject({ parameters: { max: bigint, id: bigint } });
    expect(byId.queryOf({ max: 2, id: 1, title: undefined })).toMatchObject({
      text: 'SELECT FROM things WHERE id > $2 LIMIT $1',
      values: [2, 1],
    });
    expect(() => byId.queryOf({ max: 2, id: undefined, title: 'x' })).toThrow(
      'things_by_id: expected a value for $id, got undefined',
    );
    // @ts-expect-error the call does not name the optional parameter `title`
    expect(byId.queryOf({ max: 2, id: 1 })).toMatchObject({ values: [2, 1] });
  });

  it('is on the list of those that are declared', () => {
    expect(declaredStatements()).toContainEqual(
      expect.objectContaining({
        name: 'things_select',
        parameters: { title: nullable(text), ids: arrayOf(bigint) },
      }),
    );
  });

  it.each<[string, Partial<StatementOptions<SqlTypes, SqlTypes>>, string]>([
    [
      'a parameter that is not declared',
      { text: 'SELECT $other', parameters: {} },
      'things: $other is none of its parameters',
    ],
    [
      'a parameter by number',
      { text: 'SELECT $1', parameters: { id: integer } },
      'things: $1 is none of its parameters',
    ],
    ['a string in dollars', { text: 'SELECT $$x$$', parameters: {} }, 'things: $ is none of its parameters'],
    [
      'a parameter that the text lacks',
      { text: 'SELECT $id', parameters: { id: integer, ids: integer } },
      'things: its text lacks $ids',
    ],
    [
      'an array of an enumeration',
      { row: { sizes: nullable(arrayOf(THING.size)) } },
      'things: "sizes" is an array of an enumeration, cast it to text[]',
    ],
    ['a name that is used already', { name: 'things_select' }, 'two statements are named things_select'],
    [
      'a name that PostgreSQL would cut',
      { name: 't'.repeat(64) },
      'the name of a statement is 1 to 63 letters, digits and _',
    ],
  ])('is refused with %s', (_, options, message) => {
    expect(() => statement({ name: 'things', text: '', parameters: {}, row: {}, ...options })).toThrow(
      message,
    );
    expect(declaredStatements().map(({ name }) => name)).toEqual(['things_select', 'things_by_id']);
  });

  it('takes and gives the types that are declared, and no others', () => {
    const typed = async (db: Queryable): Promise<unknown> => {
      const [thing] = await select(db, { title: null, ids: [1] });
      // @ts-expect-error a parameter is left out
      await select(db, { title: 'x' });
      // @ts-expect-error a parameter has another type
      await select(db, { title: 'x', ids: ['1'] });
      // @ts-expect-error a parameter is null that may not be
      await select(db, { title: 'x', ids: null });
      // @ts-expect-error a column may be null
      const goneAt: Date | undefined = thing?.goneAt;
      // @ts-expect-error a column is not declared
      const other = thing?.other;
      const row: RowOf<typeof THING> | undefined = thing;
      const size: 'SMALL' | 'LARGE' | undefined = thing?.size;
      return [goneAt, other, row, size];
    };
    expect(typed).toBeInstanceOf(Function);
  });
});

describe('the columns of a model', () => {
  it('are selected by their names in snake case', () => {
    const { id, madeAt, goneAt } = THING;
    expect(selectList({ id, madeAt, goneAt })).toBe('id, made_at AS "madeAt", gone_at AS "goneAt"');
    expect(selectList({ id, madeAt }, 't')).toBe('t.id, t.made_at AS "madeAt"');
  });

  it('compile when they say what the model says, and otherwise not', () => {
    const { goneAt, ...rest } = THING;
    const declarations = [
      { ...rest, goneAt: nullable(timestamptz) } satisfies ColumnsOf<Thing>,
      // @ts-expect-error a column is left out
      rest satisfies ColumnsOf<Thing>,
      // @ts-expect-error a column that the model does not have
      { ...rest, goneAt, colour: text } satisfies ColumnsOf<Thing>,
      // @ts-expect-error a column that may be null in the model
      { ...rest, goneAt: timestamptz } satisfies ColumnsOf<Thing>,
      // @ts-expect-error a column that may be null in the model, in spite of a reason
      { ...rest, goneAt: notNull(timestamptz, 'a reason') } satisfies ColumnsOf<Thing>,
      // @ts-expect-error a column that is never null in the model
      { ...THING, title: nullable(text) } satisfies ColumnsOf<Thing>,
      // @ts-expect-error a decimal that is read as a number
      { ...THING, price: integer } satisfies ColumnsOf<Thing>,
      // @ts-expect-error a bigint that is read as a string
      { ...THING, id: text } satisfies ColumnsOf<Thing>,
      // @ts-expect-error an enumeration that lacks a label
      { ...THING, size: enumeration('public.size', { SMALL: 'SMALL' }) } satisfies ColumnsOf<Thing>,
      // @ts-expect-error an enumeration that is read as any text
      { ...THING, size: text } satisfies ColumnsOf<Thing>,
      { ...THING, title: textOf<Title>() } satisfies ColumnsOf<Thing, { title: Title }>,
      // @ts-expect-error text that is read as less, which is not said
      { ...THING, title: textOf<Title>() } satisfies ColumnsOf<Thing>,
      // @ts-expect-error text that is read as any, where less is said
      THING satisfies ColumnsOf<Thing, { title: Title }>,
      // @ts-expect-error text that is read as less than is said
      { ...THING, title: textOf<'Cup'>() } satisfies ColumnsOf<Thing, { title: Title }>,
    ];
    expect(declarations).toHaveLength(14);
  });
});
