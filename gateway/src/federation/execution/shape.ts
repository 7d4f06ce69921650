// The reply's shape: for each object its members in order, each with its check. Shaping walks the merged data once and
// changes it in place; an object that has exactly the right members stays as it is.
import {
  type DocumentNode,
  type GraphQLCompositeType,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
} from 'graphql';
import { reportWrong } from './faults.ts';
import { compileIntrospection } from './introspection.ts';
import { isJsonObject } from './members.ts';
import { type CompleteObject, completeMembers, type Member } from './objects.ts';
import { fragmentsOf, isIntrospection } from './plannable.ts';
import { fieldsOf, type SelectedField, type Selecting, type Selections } from './selections.ts';
import { type Complete, compileValue, describe, kindOf, nullable, type Site, wrong } from './values.ts';

export interface Shaped {
  readonly schema: GraphQLSchema;
  readonly supergraphSchema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** What @skip and @include say, by the names of their variables. */
  readonly conditions: ReadonlyMap<string, boolean>;
}

/** An interface is the type of an object that only a subgraph without its members has told of (@interfaceObject). */
type Concrete = GraphQLObjectType | GraphQLInterfaceType;

export function compileShape(shaped: Shaped): CompleteObject {
  const { schema, supergraphSchema, document, operation, conditions } = shaped;
  const selecting: Selecting = { schema, fragments: fragmentsOf(document), conditions };
  const root = schema.getRootType(operation.operation);
  if (root == null) throw new Error(`a schema with the root type of a ${operation.operation} is expected`);
  return shapeOf(root, [operation.selectionSet.selections]);

  function shapeOf(type: Concrete, sets: readonly Selections[]): CompleteObject {
    const fields = [...fieldsOf(sets, type, selecting).values()];
    return completeMembers(fields.map((field) => memberFor(field, type)));
  }

  function memberFor(field: SelectedField, type: Concrete): Member {
    const { name, within, selections } = field;
    const fieldName = field.nodes[0]?.name.value ?? '';
    const atLeaf = { within, leaf: name };
    if (fieldName === '__typename') return { name, isLeaf: true, complete: completeTypename(type, atLeaf) };
    if (isIntrospection(fieldName)) return { name, isLeaf: true, complete: introspect(field, atLeaf) };
    const own = fieldTypeOf(type, fieldName);
    // Where a fragment says that the field may be null, it may: a type under the interface can be stricter.
    const selected = fieldTypeOf(schema.getType(within), fieldName);
    const isLeaf = isLeafType(getNullableType(selected));
    const site = isLeaf ? atLeaf : { within, leaf: undefined };
    const compileObject = () => completeObject(getNamedType(own), selections, site);
    return { name, isLeaf, complete: compileValue(selected, site, compileObject) };
  }

  function introspect({ nodes, name }: SelectedField, site: Site): Complete {
    const answer = compileIntrospection({ schema, document, operation, nodes });
    return (_, shaping) => {
      const answered = answer(shaping.variables);
      if (answered === undefined) wrong(shaping, site, `The schema cannot be shown in ${name}.`);
      return answered;
    };
  }

  function completeObject(type: GraphQLNamedType, sets: readonly Selections[], site: Site): Complete {
    if (!isCompositeType(type)) throw new Error(`a type with fields is expected, got ${type.name}`);
    const findShape = isObjectType(type) ? oneShape(type, sets) : shapesUnder(type, sets);
    return nullable(site, (value, shaping) => {
      const { path, unknown, unknownAbove } = shaping;
      if (!isJsonObject(value))
        return wrong(
          shaping,
          site,
          `Invalid non-object value (${kindOf(value)}) returned by subgraph for composite type ${type}`,
        );
      const shape = findShape(value['__typename']);
      if (shape === undefined)
        return wrong(shaping, site, `Invalid __typename found for object at ${describe(path, type, site)}.`);
      const asked = unknown.size > 0 ? unknown.get(value) : undefined;
      if (asked === undefined) return shape(value, shaping);
      unknownAbove.push(...asked);
      const shown = shape(value, shaping);
      unknownAbove.splice(-asked.length);
      return shown;
    });
  }

  function oneShape(type: GraphQLObjectType, sets: readonly Selections[]) {
    const shape = shapeOf(type, sets);
    return (typename: unknown) => (typename === undefined || typename === type.name ? shape : undefined);
  }

  /** Shapes of the types that have been met. */
  function shapesUnder(type: Exclude<GraphQLCompositeType, GraphQLObjectType>, sets: readonly Selections[]) {
    const shapes = new Map<string, CompleteObject>();
    const compile = (typename: string): CompleteObject | undefined => {
      const actual = schema.getType(typename);
      if (!isObjectType(actual) && !isInterfaceType(actual)) return undefined;
      if (actual !== type && !schema.isSubType(type, actual)) return undefined;
      const shape = shapeOf(actual, sets);
      shapes.set(typename, shape);
      return shape;
    };
    const unnamed = isInterfaceObject(type.name, supergraphSchema) ? compile(type.name) : undefined;
    return (typename: unknown) =>
      typeof typename === 'string'
        ? (shapes.get(typename) ?? compile(typename))
        : typename === undefined
          ? unnamed
          : undefined;
  }
}

function fieldTypeOf(type: GraphQLNamedType | undefined, name: string): GraphQLOutputType {
  const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
  if (field === undefined) throw new Error(`a field of ${type?.name} is expected, got ${name}`);
  return field.type;
}

/** Whether a subgraph knows of the interface and not of the types under it, so that it need not say the type of an object. */
function isInterfaceObject(name: string, supergraph: GraphQLSchema): boolean {
  const directives = supergraph.getType(name)?.astNode?.directives ?? [];
  return directives.some((directive) =>
    directive.arguments?.some(
      ({ name: { value: argument }, value }) =>
        argument === 'isInterfaceObject' && value.kind === Kind.BOOLEAN && value.value,
    ),
  );
}

/** The name of the type: a reply may leave it out. */
function completeTypename(type: Concrete, site: Site): Complete {
  if (isObjectType(type)) return () => type.name;
  return (_, shaping) => {
    reportWrong(
      shaping,
      [...shaping.path, site.leaf ?? ''],
      `An object's type is expected, got ${type.name}.`,
    );
    return undefined;
  };
}
