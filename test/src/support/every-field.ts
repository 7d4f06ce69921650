// Makes a document for every field of every type that introspection lists. Each document selects that field, by the shortest path
// from a root field to its type.
import type {
  IntrospectionField,
  IntrospectionInputTypeRef,
  IntrospectionInputValue,
  IntrospectionOutputTypeRef,
  IntrospectionQuery,
  IntrospectionType,
} from 'graphql';

export interface FieldDocument {
  /** As `Order.history`. */
  readonly field: string;
  readonly text: string;
}

type TypeRef = IntrospectionInputTypeRef | IntrospectionOutputTypeRef;
type Types = ReadonlyMap<string, IntrospectionType>;

/** The text before and after a selection on some type. */
interface Place {
  readonly open: string;
  readonly close: string;
}

const within = ({ open, close }: Place, head: string): Place => ({
  open: `${open} ${head} {`,
  close: `} ${close}`,
});

const namedType = (type: TypeRef): string =>
  type.kind === 'NON_NULL' || type.kind === 'LIST' ? namedType(type.ofType) : type.name;

const fieldsOf = (type: IntrospectionType | undefined): readonly IntrospectionField[] =>
  type?.kind === 'OBJECT' || type?.kind === 'INTERFACE' ? type.fields : [];

/** A value of that type. It must change no data, so an id is "absent", a text is empty and a number is 0. */
function literal(type: TypeRef, types: Types): string {
  if (type.kind === 'NON_NULL') return literal(type.ofType, types);
  if (type.kind === 'LIST') return '[]';
  const definition = types.get(type.name);
  if (definition?.kind === 'ENUM') return definition.enumValues[0]?.name ?? 'null';
  if (definition?.kind === 'INPUT_OBJECT') {
    const fields = definition.inputFields.filter(isRequired);
    return `{ ${fields.map((field) => `${field.name}: ${literal(field.type, types)}`).join(', ')} }`;
  }
  return { ID: '"absent"', Int: '0', Boolean: 'true', Money: '1' }[type.name] ?? '""';
}

const isRequired = ({ type, defaultValue }: IntrospectionInputValue): boolean =>
  type.kind === 'NON_NULL' && defaultValue == null;

/** The field with those of its arguments, and with a selection if it needs one. */
function call(field: IntrospectionField, args: readonly IntrospectionInputValue[], types: Types): string {
  const given = args.map(({ name, type }) => `${name}: ${literal(type, types)}`);
  return given.length > 0 ? `${field.name}(${given.join(', ')})` : field.name;
}

const COMMON = { args: [], isDeprecated: false, deprecationReason: null };
/** Introspection lists its own types, but not the fields that lead to them. */
const META_FIELDS: readonly IntrospectionField[] = [
  { name: '__schema', type: { kind: 'OBJECT', name: '__Schema' }, ...COMMON },
  { name: '__type(name: "Query")', type: { kind: 'OBJECT', name: '__Type' }, ...COMMON },
];

/** The place in which each type can be selected: the shortest path, in a query where possible. */
function placesOf(types: Types, roots: ReadonlyMap<string, Place>, meta: string): Map<string, Place> {
  const places = new Map(roots);
  for (const [name, place] of places) {
    const type = types.get(name);
    for (const field of [...fieldsOf(type), ...(name === meta ? META_FIELDS : [])]) {
      const target = namedType(field.type);
      const isComposite = ['OBJECT', 'INTERFACE', 'UNION'].includes(types.get(target)?.kind ?? '');
      if (isComposite && !places.has(target))
        places.set(target, within(place, call(field, field.args.filter(isRequired), types)));
    }
    if (type?.kind !== 'INTERFACE' && type?.kind !== 'UNION') continue;
    for (const member of type.possibleTypes)
      if (!places.has(member.name)) places.set(member.name, within(place, `... on ${member.name}`));
  }
  return places;
}

/** Makes two documents for every field: with its required arguments, and with all of its arguments. */
export function selectEveryField({ __schema }: IntrospectionQuery): FieldDocument[] {
  const types = new Map(__schema.types.map((type) => [type.name, type]));
  const { queryType, mutationType } = __schema;
  const roots = new Map([[queryType.name, { open: 'query {', close: '}' }]]);
  if (mutationType) roots.set(mutationType.name, { open: 'mutation {', close: '}' });
  return [...placesOf(types, roots, queryType.name)].flatMap(([name, { open, close }]) => {
    const fields = [...fieldsOf(types.get(name)), ...(name === queryType.name ? META_FIELDS : [])];
    const documents = fields.flatMap((field) => {
      const isLeaf = ['SCALAR', 'ENUM'].includes(types.get(namedType(field.type))?.kind ?? '');
      const needed = field.args.filter(isRequired);
      return [...new Set([call(field, needed, types), call(field, field.args, types)])].map((asked) => ({
        field: `${name}.${field.name}`,
        text: `${open} ${asked} ${isLeaf ? '' : '{ __typename }'} ${close}`,
      }));
    });
    return [...documents, { field: `${name}.__typename`, text: `${open} __typename ${close}` }];
  });
}
