// The three examples: the operations of each, step by step. A step may use the reply of an earlier step.
import { type GraphQLReply, send } from '../shared/graphql.ts';
import { makeKey } from '../shared/make-key.ts';

export interface Step {
  readonly title: string;
  readonly operation: string;
}

export interface Example {
  readonly title: string;
  readonly what: string;
  readonly needsSession: boolean;
  readonly steps: readonly Step[];
  /** Sends the operations of the steps in their order. `show` receives each reply. */
  run(show: (reply: GraphQLReply) => void): Promise<void>;
}

const BROWSE = `query Browse {
  products(first: 3, filter: { inStock: true }) {
    edges { node { id name price stock version } }
  }
}`;

const CREATE = `mutation Create {
  createProduct(
    input: { name: "Compass", price: 48.50, stock: 3 }
  ) {
    ... on Product { id version price }
    ... on Problem { code message }
  }
}`;

const TWO_EDITS = `mutation TwoEdits($id: ID!) {
  ada: updateProduct(
    id: $id, expectedVersion: 1, input: { price: 45 }
  ) { ...Outcome }
  ben: updateProduct(
    id: $id, expectedVersion: 1, input: { price: 40 }
  ) { ...Outcome }
}
fragment Outcome on UpdateProductResult {
  ... on Product { version price }
  ... on VersionConflict {
    code message current { version price }
  }
}`;

const FIRST_IN_STOCK = `query InStock {
  products(first: 1, filter: { inStock: true }) {
    edges { node { id } }
  }
}`;

const ORDER = `mutation Order($productId: ID!, $key: String!) {
  createOrder(input: {
    productId: $productId, quantity: 1, idempotencyKey: $key
  }) {
    ... on Order { id status totalPrice }
    ... on Problem { code message }
  }
}`;

const MINE = `query Mine {
  me {
    username
    orders(first: 1) {
      edges { node {
        status totalPrice
        product { name stock }
        history { status at }
      } }
    }
  }
}`;

/** The value at a path such as `a.0.b`, as a text; empty when the path does not exist. */
function at(value: unknown, path: string): string {
  let inner = value;
  for (const key of path.split('.')) inner = Object(inner)[key];
  return inner === undefined || inner === null ? '' : String(inner);
}

export const EXAMPLES: readonly Example[] = [
  {
    title: 'Look at the catalog',
    what: 'This needs no account. Every product has a version.',
    needsSession: false,
    steps: [{ title: 'Three products', operation: BROWSE }],
    run: async (show) => show(await send(BROWSE)),
  },
  {
    title: 'Two editors, one version',
    what: 'Both start from version 1. The first one wins; the second reply shows the current product.',
    needsSession: true,
    steps: [
      { title: 'A new product', operation: CREATE },
      { title: 'Two edits of its version 1', operation: TWO_EDITS },
    ],
    run: async (show) => {
      const created = await send(CREATE);
      show(created);
      const id = at(created, 'data.createProduct.id');
      if (id !== '') show(await send(TWO_EDITS, { id }));
    },
  },
  {
    title: 'Order twice with the same key',
    what: 'The second try returns the first order. The last step reads the order from three services.',
    needsSession: true,
    steps: [
      { title: 'A product in stock', operation: FIRST_IN_STOCK },
      { title: 'The order', operation: ORDER },
      { title: 'The same order again', operation: ORDER },
      { title: 'My last order', operation: MINE },
    ],
    run: async (show) => {
      const found = await send(FIRST_IN_STOCK);
      show(found);
      const order = { productId: at(found, 'data.products.edges.0.node.id'), key: makeKey() };
      if (order.productId === '') return;
      show(await send(ORDER, order));
      show(await send(ORDER, order));
      show(await send(MINE));
    },
  },
];
