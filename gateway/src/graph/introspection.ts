// What an operation asks about the schema itself. Apollo's gateway plans introspection against a schema of its own,
// which lacks fields that graphql-js lists (`__Type.isOneOf`) and fails on them, so graphql-js answers here.
import { execute } from 'graphql';
import { fragmentsOf, type RootField, rootFieldsOf } from '../limits/root-fields.ts';
import { type CheckedExecutor, type Executor, inOrder, partOf } from './executor.ts';
import { metaField } from './measure.ts';

const isIntrospection = ({ name }: RootField): boolean => metaField(name) !== undefined;

/** Answers `__schema` and `__type`; the rest of an operation, if there is any, goes to `next`. */
export function answerIntrospection(next: Executor): CheckedExecutor {
  return async (execution) => {
    const { schema, document, operation, request, coerced } = execution;
    const fields = rootFieldsOf(operation, fragmentsOf(document), coerced);
    const asked = fields.filter(isIntrospection);
    if (asked.length === 0) return next(execution);
    const introspected = await execute({
      schema,
      document: partOf(execution, asked).document,
      variableValues: request.variables,
    });
    const others = fields.filter((field) => !isIntrospection(field));
    if (others.length === 0 || !introspected.data) return introspected;
    const result = await next(partOf(execution, others));
    const errors = [...(introspected.errors ?? []), ...(result.errors ?? [])];
    return {
      ...result,
      ...(result.data && { data: inOrder(fields, { ...introspected.data, ...result.data }) }),
      ...(errors.length > 0 && { errors }),
    };
  };
}
