// Operations of a schema, made at random from a seed, with variables. They are valid: those that are not are dropped.
import {
  type DocumentNode,
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  type GraphQLUnionType,
  getNamedType,
  getNullableType,
  isCompositeType,
  isLeafType,
  isObjectType,
  isUnionType,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { createInputs, type Inputs } from './inputs.ts';
import { createRandom, type Random } from './random.ts';

export interface Operation {
  readonly seed: number;
  readonly source: string;
  readonly document: DocumentNode;
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface OperationStyle {
  /** Whether `__typename` stands in every selection set, and no introspection, so that data can be checked by themselves. */
  readonly typenames?: boolean;
}

const ALIASES = ['a', 'b', 'zed', 'constructor', 'toString', '__proto__', 'valueOf', '_entities'];
const MAX_DEPTH = 5;
const MAX_FIELDS = 25;

/** An operation for the seed; undefined when what came out is not valid. */
export function operationFor(
  schema: GraphQLSchema,
  seed: number,
  style: OperationStyle = {},
): Operation | undefined {
  const random = createRandom(seed);
  const writer = createWriter({ schema, random, inputs: createInputs(schema, random), style });
  const isMutation = schema.getMutationType() !== null && random.percent(20);
  const root = isMutation ? schema.getMutationType() : schema.getQueryType();
  if (!root) return undefined;
  const selections = writer.selections(root, 0, !isMutation);
  const { definitions, variables } = writer.inputs;
  const signature = definitions.size === 0 ? '' : `(${[...definitions.values()].join(', ')})`;
  const source = [
    `${isMutation ? 'mutation' : 'query'} Corpus${signature} ${selections}`,
    ...writer.fragments,
  ].join('\n');
  const document = parse(source, { noLocation: true });
  if (validate(schema, document, specifiedRules).length > 0) return undefined;
  return { seed, source, document, variables };
}

interface Writing {
  readonly schema: GraphQLSchema;
  readonly random: Random;
  readonly inputs: Inputs;
  readonly style: OperationStyle;
}

function createWriter({ schema, random, inputs, style }: Writing) {
  const fragments: string[] = [];
  const argumentsOf = new Map<string, string>();
  let nesting = { fragments: 0, isDeep: false };
  let fields = 0;
  let aliases = 0;

  function selections(type: GraphQLCompositeType, depth: number, mayIntrospect = false): string {
    const parts = Array.from({ length: 1 + random.below(depth === 0 ? 4 : 3) }, () => selection(type, depth));
    if (mayIntrospect && !style.typenames && random.percent(7))
      parts.splice(random.below(parts.length + 1), 0, introspection());
    if (style.typenames) parts.unshift('__typename');
    return `{ ${parts.join(' ')} }`;
  }

  function selection(type: GraphQLCompositeType, depth: number): string {
    const chance = random.below(100);
    if (chance < 6) return `${random.percent(40) ? 'kind: ' : ''}__typename${directives()}`;
    if (chance < (isUnionType(type) ? 100 : 24) && depth < MAX_DEPTH) return fragment(type, depth);
    return isUnionType(type) ? '__typename' : field(type, depth);
  }

  function field(type: Exclude<GraphQLCompositeType, GraphQLUnionType>, depth: number): string {
    const all = Object.values(type.getFields());
    const isDeep = depth >= MAX_DEPTH || fields > MAX_FIELDS;
    const leaves = all.filter((one) => isLeafType(getNamedType(one.type)));
    if (isDeep && leaves.length === 0) return '__typename';
    const composite = all.filter((one) => !leaves.includes(one));
    const prefersComposite = !isDeep && composite.length > 0 && random.percent(45);
    const chosen = random.pick(isDeep ? leaves : prefersComposite ? composite : all);
    fields += 1;
    const inner = getNamedType(chosen.type);
    const set = isCompositeType(inner) ? ` ${selectionsOfField(inner, depth + 1)}` : '';
    return `${nameWithArguments(`${type.name}.${chosen.name}`, chosen)}${directives()}${set}`;
  }

  /** Apollo's executor needs the type for a fragment in a fragment, and loses its fields otherwise. */
  function selectionsOfField(type: GraphQLCompositeType, depth: number): string {
    const around = nesting;
    nesting = { fragments: 0, isDeep: false };
    const set = selections(type, depth);
    const { isDeep } = nesting;
    nesting = around;
    return isDeep && isObjectType(type) ? set.replace('{', '{ __typename') : set;
  }

  /** A field without an alias has the same arguments everywhere, so that it can be merged. */
  function nameWithArguments(coordinate: string, { name, args }: GraphQLField<unknown, unknown>): string {
    if (random.percent(22)) {
      aliases += 1;
      const alias = random.percent(30) ? random.pick(ALIASES) : `${random.pick(ALIASES)}${aliases}`;
      return `${alias}: ${name}${writeArguments(args)}`;
    }
    const same = argumentsOf.get(coordinate) ?? writeArguments(args);
    argumentsOf.set(coordinate, same);
    return name + same;
  }

  function writeArguments(args: readonly GraphQLArgument[]): string {
    const values = args.flatMap((argument) => {
      const isRequired =
        argument.defaultValue === undefined && getNullableType(argument.type) !== argument.type;
      return isRequired || random.percent(50) ? [`${argument.name}: ${inputs.value(argument)}`] : [];
    });
    return values.length === 0 ? '' : `(${values.join(', ')})`;
  }

  function fragment(type: GraphQLCompositeType, depth: number): string {
    const condition = conditionFor(type);
    nesting.isDeep ||= nesting.fragments > 0;
    nesting.fragments += 1;
    const set = selections(compositeOf(condition, type), depth + 1);
    nesting.fragments -= 1;
    if (condition === undefined || random.percent(65))
      return `...${condition === undefined ? '' : ` on ${condition}`}${directives()} ${set}`;
    const name = `F${fragments.length}`;
    fragments.push(`fragment ${name} on ${condition} ${set}`);
    const spread = `...${name}${directives()}`;
    return random.percent(15) ? `${spread} ${spread}` : spread;
  }

  function compositeOf(name: string | undefined, otherwise: GraphQLCompositeType): GraphQLCompositeType {
    const type = name === undefined ? undefined : schema.getType(name);
    return isCompositeType(type) ? type : otherwise;
  }

  /** A type of which the object may be, as seen from here. */
  function conditionFor(type: GraphQLCompositeType): string | undefined {
    if (random.percent(15)) return undefined;
    const objects = new Set(objectsOf(type));
    const fitting = Object.values(schema.getTypeMap()).filter(
      (other) =>
        isCompositeType(other) &&
        !other.name.startsWith('__') &&
        objectsOf(other).some((name) => objects.has(name)),
    );
    return random.pick(fitting).name;
  }

  const objectsOf = (type: GraphQLCompositeType): string[] =>
    isObjectType(type) ? [type.name] : schema.getPossibleTypes(type).map(({ name }) => name);

  function directives(): string {
    if (!random.percent(12)) return '';
    const name = random.pick(['skip', 'include']);
    const value = random.percent(40) ? random.pick(['true', 'false']) : inputs.flag();
    return ` @${name}(if: ${value})`;
  }

  function introspection(): string {
    const one = random.pick([
      '__schema { queryType { name } }',
      'meta: __schema { types { kind name } }',
      `__type(name: "${random.pick(Object.keys(schema.getTypeMap()))}") { kind name ofType { name } }`,
      `T: __type(name: ${inputs.text()}) { name fields(includeDeprecated: ${inputs.flag()}) { name type { ...Ref } } }`,
    ]);
    if (one.includes('...Ref') && !fragments.includes(REF)) fragments.push(REF);
    return random.percent(30) ? `... on Query${directives()} { ${one} __typename }` : one;
  }

  return { selections, fragments, inputs };
}

const REF = 'fragment Ref on __Type { name kind ofType { name } }';
