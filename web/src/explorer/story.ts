// The story in the explorer's tabs, and what its steps pass on: the session of a login and the created product.
import { DEMO_CUSTOMER, hasDemo } from '../shared/offers.ts';
import { takeSession } from '../shared/session.ts';
import { type Created, isRecord, pretty } from './tab-texts.ts';

export interface Chapter {
  readonly query: string;
  readonly variables?: string;
}

export const STORY: readonly Chapter[] = [
  {
    query: `# 1. Browse: anyone may. Run it with Ctrl-Enter, then go on to the next tab.
query Browse {
  products(first: 5, sort: NEWEST, filter: { inStock: true }) {
    edges {
      node {
        id
        name
        price
        stock
        version
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  },
  {
    query: `# 2. Sign in: the token goes into the headers of every tab.
mutation SignIn($input: LoginInput!) {
  login(input: $input) {
    ... on Session {
      accessToken
      refreshToken
      expiresIn
      user {
        username
        role
      }
    }
    ... on Problem {
      code
      message
    }
  }
}
`,
    variables: pretty({ input: hasDemo ? DEMO_CUSTOMER : { username: '', password: '' } }),
  },
  {
    query: `# 3. Create a product. Its id and version go into the variables of the next tabs.
mutation Create($input: CreateProductInput!) {
  createProduct(input: $input) {
    ... on Product {
      id
      name
      price
      stock
      version
    }
    ... on Problem {
      code
      message
    }
  }
}
`,
    variables: pretty({
      input: { name: 'Brass compass', description: 'Points north.', price: 48.5, stock: 3 },
    }),
  },
  {
    query: `# 4. Edit the product, with the version that the edit is based on.
mutation Edit($productId: ID!, $expectedVersion: Int!, $input: UpdateProductInput!) {
  updateProduct(id: $productId, expectedVersion: $expectedVersion, input: $input) {
    ... on Product {
      name
      price
      version
    }
    ... on VersionConflict {
      code
      message
      currentVersion
    }
    ... on Problem {
      code
      message
    }
  }
}
`,
    variables: pretty({ productId: '', expectedVersion: 1, input: { price: 45 } }),
  },
  {
    query: `# 5. Another editor used the same version and is too late: no change is overwritten.
mutation Conflict($productId: ID!, $expectedVersion: Int!, $input: UpdateProductInput!) {
  updateProduct(id: $productId, expectedVersion: $expectedVersion, input: $input) {
    ... on Product {
      version
    }
    ... on VersionConflict {
      code
      message
      currentVersion
      current {
        name
        price
        version
      }
    }
    ... on Problem {
      code
      message
    }
  }
}
`,
    variables: pretty({ productId: '', expectedVersion: 1, input: { price: 40 } }),
  },
  {
    query: `# 6. Order two units. Run it twice: the same key returns the same order, and the stock loses two units once.
mutation Order($input: CreateOrderInput!) {
  createOrder(input: $input) {
    ... on Order {
      id
      status
      unitPrice
      totalPrice
      version
    }
    ... on OutOfStock {
      code
      message
      available
    }
    ... on Problem {
      code
      message
    }
  }
}
`,
    variables: pretty({ input: { productId: '', quantity: 2, idempotencyKey: '' } }),
  },
  {
    query: `# 7. My orders: one query, answered by three services.
query MyOrders {
  me {
    username
    orders(first: 5) {
      edges {
        node {
          id
          status
          totalPrice
          product {
            name
            stock
          }
          history {
            status
            at
          }
        }
      }
    }
  }
}
`,
  },
];

let created: Created | undefined;
const listeners = new Set<() => void>();

export const createdProduct = (): Created | undefined => created;

/** Calls `listener` after a product was created. Returns the function that ends this. */
export function onCreated(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Keeps from the reply to an operation what later steps need. */
export function learnFrom(reply: unknown): void {
  const data = isRecord(reply) ? reply['data'] : undefined;
  const { login, createProduct } = isRecord(data) ? data : {};
  if (isRecord(login)) {
    const { accessToken: token, refreshToken, expiresIn, user } = login;
    const username = isRecord(user) ? String(user['username']) : 'you';
    if (typeof token === 'string' && typeof expiresIn === 'number')
      takeSession({
        username,
        token,
        refreshToken: typeof refreshToken === 'string' ? refreshToken : undefined,
        expiresIn,
      });
  }
  if (isRecord(createProduct)) {
    const { id, version } = createProduct;
    if (typeof id === 'string' && typeof version === 'number') {
      created = { id, version };
      for (const listener of listeners) listener();
    }
  }
}
