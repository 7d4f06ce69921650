// A product as the user types it into the editor, and the fields of it that are sent.
import type { ProductDetailsFragment, UpdateProductInput } from '../../generated/operations.ts';

export const FIELDS = ['name', 'description', 'price', 'stock'] as const;
export type FieldName = (typeof FIELDS)[number];
export type Draft = Readonly<Record<FieldName, string>>;

export const EMPTY: Draft = { name: '', description: '', price: '', stock: '' };

type Editable = Pick<ProductDetailsFragment, FieldName>;

export const draftOf = ({ name, description, price, stock }: Editable): Draft => ({
  name,
  description: description ?? '',
  price,
  stock: String(stock),
});

export const isSame = (one: Draft, other: Draft): boolean =>
  FIELDS.every((field) => one[field] === other[field]);

/** The fields of `mine` that differ from `base`. Only these are sent, so that other users' changes of other fields stay. */
export function changesFrom(base: Draft, mine: Draft): UpdateProductInput {
  const changed = FIELDS.filter((field) => mine[field] !== base[field]);
  return Object.fromEntries(changed.map((field) => [field, inputOf(field, mine[field])]));
}

/** The field's value for GraphQL. The stock's input accepts only whole numbers. */
export function inputOf(field: FieldName, text: string): string | number | null {
  if (field === 'stock') return Number(text);
  if (field === 'description' && text === '') return null;
  return text;
}
