// The shape of a reply: for each object the members in order, each with its check. Shaping walks the merged data once and
// changes the data in place; an object that has exactly the right members stays as it is. A shape lives long, so it keeps no
// part of the document: for a type that it does not know yet, it reads the operation again.
import {
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
} from 'graphql';
import type { Conditions } from './conditions.ts';
import { reportWrong } from './errors.ts';
import { introspect } from './introspection.ts';
import { completeMembers } from './objects.ts';
import { perKey } from './per-key.ts';
import { fragmentsOf, isIntrospection, type OperationIn, type ReadOperation } from './plannable.ts';
import { fieldsOf, type SelectedField, type Selecting, type Selections } from './selections.ts';
import {
  type Complete,
  type CompleteObject,
  completeOf,
  type Member,
  type Objects,
  reportInvalid,
} from './values.ts';

export interface Shaped {
  readonly schema: GraphQLSchema;
  readonly supergraphSchema: GraphQLSchema;
  readonly read: ReadOperation;
  /** The values of the variables in @skip and @include. */
  readonly conditions: Conditions;
  /** Receives how many members the shape has, and how many are added when an object has a new type. */
  readonly onMembers: (count: number) => void;
}

/** The type of an object. It is an interface when only a subgraph with an @interfaceObject has sent the object. */
type Concrete = GraphQLObjectType | GraphQLInterfaceType;

/** The selections of an operation for one object. */
interface Selected {
  readonly of: OperationIn;
  readonly selecting: Selecting;
  readonly sets: readonly Selections[];
}

/** Reads the operation again, down to one object. */
type Reread = () => Selected;

export function compileShape({
  schema,
  supergraphSchema,
  read,
  conditions,
  onMembers,
}: Shaped): CompleteObject {
  let members = 0;

  function tellMembers(): void {
    onMembers(members);
    members = 0;
  }

  function readRoot(): Selected {
    const of = read();
    const selecting: Selecting = { schema, fragments: fragmentsOf(of.document), conditions };
    return { of, selecting, sets: [of.operation.selectionSet.selections] };
  }

  function compileRoot(selected: Selected): CompleteObject {
    const { operation } = selected.of.operation;
    const root = schema.getRootType(operation);
    if (root == null) throw new Error(`a schema with the root type of a ${operation} is expected`);
    return shapeOf(root, selected, readRoot);
  }

  function shapeOf(type: Concrete, selected: Selected, reread: Reread): CompleteObject {
    const fields = [...fieldsOf(selected.sets, type, selected.selecting).values()];
    members += fields.length;
    return completeMembers(fields.map((field) => memberFor(field, type, selected, reread)));
  }

  function memberFor(field: SelectedField, type: Concrete, selected: Selected, reread: Reread): Member {
    const { name, within } = field;
    const fieldName = field.nodes[0]?.name.value ?? '';
    if (fieldName === '__typename')
      return leafOf({ owner: type, fieldName, name, complete: typenameOf(type) });
    const rereadField = () => fieldAgain(name, type, reread);
    if (isIntrospection(fieldName))
      return { name, within, isLeaf: true, complete: completeIntrospection(rereadField), objects: undefined };
    const owner = schema.getType(within);
    // A field may be null if the fragment on the interface allows null, even if the object type is stricter.
    const selectedType = fieldTypeOf(owner, fieldName);
    const complete = completeOf(selectedType);
    if (isLeafType(getNullableType(selectedType))) return leafOf({ owner, fieldName, name, complete });
    const own = getNamedType(fieldTypeOf(type, fieldName));
    const below: Selected = { ...selected, sets: field.selections };
    const objects = isCompositeType(own) ? objectsOf(own, below, () => rereadField().selected) : undefined;
    return { name, within, isLeaf: false, complete, objects };
  }

  function objectsOf(type: GraphQLCompositeType, selected: Selected, reread: Reread): Objects {
    const shapeFor = isObjectType(type)
      ? oneShape(type.name, shapeOf(type, selected, reread))
      : shapesUnder(type, selected, reread);
    return { type, shapeFor };
  }

  /** The shapes of the object types that have occurred so far. */
  function shapesUnder(
    type: Exclude<GraphQLCompositeType, GraphQLObjectType>,
    selected: Selected,
    reread: Reread,
  ): Objects['shapeFor'] {
    const shapes = new Map<string, CompleteObject>();
    const typeOf = (typename: string): Concrete | undefined => {
      const actual = schema.getType(typename);
      if (!isObjectType(actual) && !isInterfaceType(actual)) return undefined;
      return actual === type || schema.isSubType(type, actual) ? actual : undefined;
    };
    const compile = (typename: string): CompleteObject | undefined => {
      const actual = typeOf(typename);
      if (actual === undefined) return undefined;
      const shape = shapeOf(actual, reread(), reread);
      shapes.set(typename, shape);
      tellMembers();
      return shape;
    };
    const unnamed =
      isInterfaceType(type) && isInterfaceObject(type.name, supergraphSchema)
        ? shapeOf(type, selected, reread)
        : undefined;
    if (unnamed) shapes.set(type.name, unnamed);
    return (typename: unknown) =>
      typeof typename === 'string'
        ? (shapes.get(typename) ?? compile(typename))
        : typename === undefined
          ? unnamed
          : undefined;
  }

  const shape = compileRoot(readRoot());
  tellMembers();
  return shape;
}

const oneShape = (name: string, shape: CompleteObject) => (typename: unknown) =>
  typename === undefined || typename === name ? shape : undefined;

/** Reads the field of that response name again, with the selections below it. */
function fieldAgain(name: string, type: Concrete, reread: Reread) {
  const above = reread();
  const field = fieldsOf(above.sets, type, above.selecting).get(name);
  if (field === undefined) throw new Error(`the operation is expected to have the member ${name} again`);
  return { nodes: field.nodes, selected: { ...above, sets: field.selections } };
}

function completeIntrospection(again: () => ReturnType<typeof fieldAgain>): Complete {
  return (_, shaping, member) => {
    const { nodes, selected } = again();
    const { schema } = selected.selecting;
    const answered = introspect({ schema, ...selected.of, nodes }, shaping.variables);
    if (answered === undefined)
      reportInvalid(shaping, member, `The schema cannot be shown in ${member.name}.`);
    return answered;
  };
}

interface Leaf {
  /** The type of the selection set or fragment that contains the field. */
  readonly owner: GraphQLNamedType | undefined;
  readonly fieldName: string;
  readonly name: string;
  readonly complete: Complete;
}

/** The members of leaf fields without an alias, by field name. All operations share them. */
const leavesOf = perKey((_: GraphQLNamedType) => new Map<string, Member>());

function leafOf({ owner, fieldName, name, complete }: Leaf): Member {
  const make = (): Member => ({
    name,
    within: owner?.name ?? '',
    isLeaf: true,
    complete,
    objects: undefined,
  });
  if (owner === undefined || name !== fieldName) return make();
  const leaves = leavesOf(owner);
  const leaf = leaves.get(name) ?? make();
  leaves.set(name, leaf);
  return leaf;
}

function fieldTypeOf(type: GraphQLNamedType | undefined, name: string): GraphQLOutputType {
  const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
  if (field === undefined) throw new Error(`a field of ${type?.name} is expected, got ${name}`);
  return field.type;
}

/** Whether a subgraph knows the interface and not its object types, so that it may leave out `__typename`. */
function isInterfaceObject(name: string, supergraph: GraphQLSchema): boolean {
  const directives = supergraph.getType(name)?.astNode?.directives ?? [];
  return directives.some((directive) =>
    directive.arguments?.some(
      ({ name: { value: argument }, value }) =>
        argument === 'isInterfaceObject' && value.kind === Kind.BOOLEAN && value.value,
    ),
  );
}

/** The check of `__typename`, which a reply may leave out. */
const typenameOf = perKey((type: Concrete): Complete => {
  if (isObjectType(type)) return () => type.name;
  return (_, shaping, { name }) => {
    reportWrong(shaping, [...shaping.path, name], `An object's type is expected, got ${type.name}.`);
    return undefined;
  };
});
