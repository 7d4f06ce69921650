// Operations that are prepared once and run many times. `execute` of graphql-js looks up the definition of every field,
// finds out the kind of every type and builds a path and an `info` for every value, in every request; here what depends on
// the document alone is worked out once. The result is that of graphql-js: data, and errors with their places.
import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql';
import { collectFields } from 'graphql/execution/collectFields.js';
import { fieldsOf } from './compiled-fields.ts';
import {
  createRunErrors,
  type Data,
  type Fields,
  locate,
  type Run,
  runFields,
  runInOrder,
} from './compiled-run.ts';

/** The part of a request beside its document. */
export interface Call {
  readonly contextValue: unknown;
  readonly variableValues: Readonly<Record<string, unknown>> | undefined;
}

export type CompiledOperation = (call: Call) => ExecutionResult | Promise<ExecutionResult>;

/** Each condition doubles the forms of an operation, so operations with more conditions are not compiled. */
const MAX_CONDITIONS = 4;
/** As graphql-js's own `execute` does. */
const COERCION = { maxErrors: 50 };

/**
 * Prepares an operation of a document that is valid in `schema`. graphql-js runs the operations whose compiled form would behave
 * differently or would not be limited in size.
 */
export function compileOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | undefined,
): CompiledOperation {
  const operation = getOperationAST(document, operationName);
  const rootType = operation && schema.getRootType(operation.operation);
  const conditions = conditionsOf(document);
  if (!rootType || operation.operation === 'subscription' || conditions === undefined)
    return ({ contextValue, variableValues }) =>
      execute({
        schema,
        document,
        contextValue,
        ...(variableValues && { variableValues }),
        ...(operationName !== undefined && { operationName }),
      });
  return compile(schema, fragmentsOf(document), operation, rootType, conditions);
}

function compile(
  schema: GraphQLSchema,
  fragments: Record<string, FragmentDefinitionNode>,
  operation: OperationDefinitionNode,
  rootType: GraphQLObjectType,
  conditions: readonly string[],
): CompiledOperation {
  const { selectionSet, variableDefinitions = [] } = operation;
  const runRoot = operation.operation === 'mutation' ? runInOrder : runFields;
  /** By the values of the conditions: the fields that run. */
  const forms = new Map<string, Fields>();

  function formOf(run: Run): Fields {
    const key = conditions.map((name) => String(run.variableValues[name])).join();
    let form = forms.get(key);
    if (form === undefined) {
      form = fieldsOf(
        run,
        rootType,
        collectFields(schema, fragments, run.variableValues, rootType, selectionSet),
      );
      forms.set(key, form);
    }
    return form;
  }

  return ({ contextValue, variableValues = {} }) => {
    const { coerced, errors: refused } = getVariableValues(
      schema,
      variableDefinitions,
      variableValues,
      COERCION,
    );
    if (coerced === undefined) return { errors: refused ?? [] };
    const errors = createRunErrors();
    const run: Run = { schema, fragments, operation, contextValue, variableValues: coerced, errors };
    return resultOf(run, () => runRoot(run, formOf(run), undefined, undefined));
  };
}

function resultOf(
  { errors }: Run,
  work: () => Data | Promise<Data>,
): ExecutionResult | Promise<ExecutionResult> {
  const built = (data: Data | null): ExecutionResult =>
    errors.all.length === 0 ? { data } : { errors: errors.all, data };
  const failed = (error: unknown): ExecutionResult => {
    errors.add(locate(error), undefined);
    return built(null);
  };
  try {
    const data = work();
    return data instanceof Promise ? data.then(built, failed) : built(data);
  } catch (error) {
    return failed(error);
  }
}

function fragmentsOf(document: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments: Record<string, FragmentDefinitionNode> = Object.create(null);
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
  return fragments;
}

/** The names of the variables by which `@skip` and `@include` decide; undefined when the document is not compiled. */
function conditionsOf(document: DocumentNode): readonly string[] | undefined {
  const names = new Set<string>();
  let hasPrototype = false;
  visit(document, {
    Field: ({ alias }) => {
      hasPrototype ||= alias?.value === '__proto__';
    },
    Directive: ({ name, arguments: given = [] }) => {
      if (name.value !== 'skip' && name.value !== 'include') return;
      for (const { value } of given) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  return hasPrototype || names.size > MAX_CONDITIONS ? undefined : [...names];
}
