// A field that is not handled does not compile: each `@ts-expect-error` fails the type check when it does.
import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { allHandled, check, optional } from '../validation.ts';
import { type FieldsBeside, keysOf } from './fields.ts';

interface Input {
  readonly name: string;
  readonly sku?: string | null;
}
const input: Input = { name: 'Kettle' };
const name = z.string();

it('is a field of an input without a rule, or with one for another type', () => {
  const sku = optional(z.string().nullable());
  const checks = [
    check(z.strictObject({ name, sku }), input),
    // @ts-expect-error `sku` has no rule
    check(z.strictObject({ name }), input),
    // @ts-expect-error `sku` has no rule, and would be let through unread
    check(z.looseObject({ name }), input),
    // @ts-expect-error the value lacks `sku` when the input does
    check(z.strictObject({ name, sku: z.string().nullish() }), input),
    // @ts-expect-error `sku` is no number
    check(z.strictObject({ name, sku: optional(z.number()) }), input),
  ];
  expect(checks.map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
});

it('is a field that is left of an object', () => {
  const { name: taken, ...rest } = input;
  // @ts-expect-error `sku` is left
  allHandled(rest);
  const { sku, ...none } = rest;
  allHandled(none);
  expect([taken, sku]).toEqual(['Kettle', undefined]);
});

it('is a field of a GraphQL type that neither the row nor a resolver has', () => {
  type Row = { readonly name: string };
  const resolvers = [
    { sku: () => 'A-1' } satisfies FieldsBeside<Input & { __typename?: 'Product' }, Row>,
    {} satisfies FieldsBeside<Input, Input>,
    // @ts-expect-error `sku` would be null for ever
    {} satisfies FieldsBeside<Input, Row>,
  ];
  expect(resolvers).toHaveLength(3);
});

it('is told from others by its name', () => {
  expect(keysOf({ name: 1, sku: undefined })).toEqual(['name', 'sku']);
});
