// Writes GraphQL documents that are expensive and still pass every limit: nested spreads, conditions, type conditions, aliases, repeated
// fields and deep inline fragments, in proportions that differ from document to document.
import {
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isLeafType,
  isUnionType,
} from 'graphql';

/** Every document stays below these numbers. */
const SELECTIONS = 395;
const TOKENS = 1_900;
const ALIASES = 30;
const CONDITIONS = 10;
const ROOT_FIELDS = 20;

/** Mulberry32: the same numbers from the same seed, from 0 to below 1. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Fragment {
  readonly name: string;
  /** In selections. */
  readonly size: number;
}

type Field = GraphQLField<unknown, unknown>;

const fieldsOf = (type: GraphQLCompositeType): Field[] =>
  isUnionType(type) ? [] : Object.values(type.getFields());

const ARGUMENTS: Readonly<Record<string, string>> = { 'ID!': '"1"', 'String!': '"a"' };

/** The required arguments of a field, with values from ARGUMENTS. Pages are short, because long ones exceed the cost limit. */
function argumentsOf({ args }: Field): string {
  const given = args.flatMap(({ name, type }) => {
    if (name === 'first') return ['first: 1'];
    return String(type).endsWith('!') ? [`${name}: ${ARGUMENTS[String(type)]}`] : [];
  });
  return given.length === 0 ? '' : `(${given.join(', ')})`;
}

/** Writes one document after another. */
export class WorstDocuments {
  readonly #schema: GraphQLSchema;
  readonly #random: () => number;
  #style = { condition: 0, conditions: 0, named: 0, inline: 0, alias: 0, width: 1, depth: 1, fragments: 0 };
  #selections = 0;
  #tokens = 0;
  #aliases = 0;
  #fragments = new Map<string, Fragment[]>();
  #definitions: string[] = [];

  constructor(schema: GraphQLSchema, seed: number) {
    this.#schema = schema;
    this.#random = createRandom(seed);
  }

  next(): string {
    const random = this.#random;
    this.#style = {
      condition: random() * 0.8,
      conditions: this.#upTo(CONDITIONS),
      named: random() * 0.4,
      inline: random() * 0.25,
      alias: random() < 0.3 ? random() * 0.3 : 0,
      width: 1 + this.#upTo(6),
      depth: 2 + this.#upTo(8),
      fragments: this.#upTo(12),
    };
    [this.#selections, this.#tokens, this.#aliases] = [SELECTIONS, TOKENS, ALIASES];
    this.#fragments = new Map();
    this.#definitions = [];
    const text = `{ ${this.#rootFields().join(' ')} } ${this.#definitions.join(' ')}`;
    const used = Array.from({ length: CONDITIONS }, (_, n) => `$c${n}`).filter((name) =>
      text.includes(`${name})`),
    );
    const variables = used.map((name) => `${name}: Boolean = true`).join(' ');
    return variables === '' ? `query Worst ${text}` : `query Worst(${variables}) ${text}`;
  }

  /** Writes some of the allowed root fields, until the remaining selections are used up. */
  #rootFields(): string[] {
    const type = this.#schema.getQueryType();
    if (!type) return [];
    const fields: string[] = [];
    const enough = 1 + this.#upTo(ROOT_FIELDS - 1);
    while (fields.length < enough && this.#selections > 8 && this.#tokens > 60) {
      const isLast = fields.length === enough - 1;
      const next = this.#pick(['me', 'orders', 'products', 'order', 'product']) ?? 'me';
      fields.push(this.#field(type, next, this.#style.depth, isLast));
    }
    return fields;
  }

  #upTo(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random() * items.length)];
  }

  #spend(selections: number, tokens: number): void {
    this.#selections -= selections;
    this.#tokens -= tokens;
  }

  #condition(): string {
    const { condition, conditions } = this.#style;
    if (conditions === 0 || this.#random() > condition) return '';
    this.#tokens -= 7;
    return ` @${this.#random() < 0.5 ? 'include' : 'skip'}(if: $c${this.#upTo(conditions - 1)})`;
  }

  /** Writes selections of the type until the remaining ones are used up; without `all`, a random number of them. */
  #set(type: GraphQLCompositeType, depth: number, all = false): string {
    const parts: string[] = [];
    const enough = all ? Number.POSITIVE_INFINITY : 1 + this.#upTo(this.#style.width);
    while (parts.length < enough && this.#selections > 4 && this.#tokens > 30)
      parts.push(this.#selection(type, depth));
    if (parts.length > 0) return parts.join(' ');
    this.#spend(1, 1);
    return '__typename';
  }

  #selection(type: GraphQLCompositeType, depth: number): string {
    const { named, inline } = this.#style;
    const dice = this.#random();
    if (depth > 0 && dice < named) return this.#spread(type, depth);
    if (depth > 0 && dice < named + inline) return this.#inline(type, depth);
    const composite = fieldsOf(type).filter((field) => isCompositeType(getNamedType(field.type)));
    const next = this.#random() < 0.6 ? this.#pick(composite) : undefined;
    if (depth > 0 && next) return this.#field(type, next.name, depth - 1);
    const leaf = this.#pick(fieldsOf(type).filter((field) => isLeafType(getNamedType(field.type))));
    this.#spend(1, 1);
    return `${leaf && this.#random() < 0.7 ? leaf.name : '__typename'}${this.#condition()}`;
  }

  #field(type: GraphQLCompositeType, name: string, depth: number, all = false): string {
    const field = fieldsOf(type).find((each) => each.name === name);
    const below = field && getNamedType(field.type);
    if (field === undefined || !isCompositeType(below)) throw new Error(`${type}.${name} has no fields`);
    this.#spend(1, 4 + 4 * field.args.length);
    const head = `${this.#alias()}${name}${argumentsOf(field)}${this.#condition()}`;
    return `${head} { ${this.#set(below, depth, all)} }`;
  }

  #alias(): string {
    if (this.#aliases === 0 || this.#random() > this.#style.alias) return '';
    this.#aliases -= 1;
    this.#tokens -= 2;
    return `a${this.#aliases}: `;
  }

  #inline(type: GraphQLCompositeType, depth: number): string {
    this.#spend(1, 5);
    const types = isUnionType(type) ? type.getTypes() : [type];
    const on = this.#pick(types);
    const isNamed = isUnionType(type) || this.#random() < 0.5;
    const head = `...${isNamed && on ? ` on ${on.name}` : ''}${this.#condition()}`;
    return `${head} { ${this.#set(on ?? type, depth - 1)} }`;
  }

  /** Writes a spread, mostly of an existing fragment, otherwise of a new one. */
  #spread(type: GraphQLCompositeType, depth: number): string {
    const known = this.#fragments.get(type.name) ?? [];
    const old = this.#random() < 0.8 ? this.#pick(known) : undefined;
    this.#spend(1, 4);
    if (old && old.size < this.#selections) {
      this.#selections -= old.size;
      return `...${old.name}${this.#condition()}`;
    }
    if (this.#definitions.length >= this.#style.fragments) return '__typename';
    const name = `f${this.#definitions.length}`;
    // Reserves the name, because fragments inside this one take the next names.
    const place = this.#definitions.push('') - 1;
    const before = this.#selections;
    this.#tokens -= 8;
    const text = this.#set(type, depth - 1);
    this.#definitions[place] = `fragment ${name} on ${type.name} { ${text} }`;
    this.#fragments.set(type.name, [
      ...(this.#fragments.get(type.name) ?? []),
      { name, size: before - this.#selections },
    ]);
    return `...${name}${this.#condition()}`;
  }
}
