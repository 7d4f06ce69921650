// Vendure by its Shop API and its Admin API (https://docs.vendure.io/reference/graphql-api/shop/queries).
import { z } from 'zod';
import { call, type Shop } from './shop.ts';

const EN = 'en';
const reply = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z.array(z.object({ message: z.string() })).optional(),
});
const withId = z.object({ id: z.string() });
const state = z.object({ state: z.string().optional(), errorCode: z.string().optional() });
const product = z.object({ name: z.string(), description: z.string() });
const stock = z.object({
  variants: z.array(z.object({ stockLevels: z.array(z.object({ stockAllocated: z.number() })) })),
});

/** Creates a caller with its own session, which comes with the first reply. */
function createCaller(api: string) {
  let token: string | undefined;
  return async function ask(query: string, variables: object = {}): Promise<unknown> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await call('POST', api, { query, variables }, headers);
    token = answer.headers.get('vendure-auth-token') ?? token;
    const { data, errors } = reply.parse(answer.body);
    if (!data || errors) throw new Error(errors?.map(({ message }) => message).join('; ') ?? 'no data');
    return Object.values(data)[0];
  };
}

/** @param url where `vendure/server.js` listens */
export async function openVendure(url: string, adminPassword: string): Promise<Shop> {
  const admin = createCaller(`${url}/admin-api`);
  await admin(
    'mutation ($password: String!) { login(username: "superadmin", password: $password) { __typename } }',
    {
      password: adminPassword,
    },
  );
  // Each variant below tracks its stock, because without that a shop cannot oversell.
  const update = (id: string, fields: object) =>
    admin('mutation ($input: UpdateProductInput!) { updateProduct(input: $input) { id } }', {
      input: { id, translations: [{ languageCode: EN, ...fields }] },
    });
  let offered = 0;

  return {
    name: 'Vendure 3.7.3',
    async offer(units) {
      offered += 1;
      const slug = `product-${Date.now()}-${offered}`;
      const { id } = withId.parse(
        await admin('mutation ($input: CreateProductInput!) { createProduct(input: $input) { id } }', {
          input: { enabled: true, translations: [{ languageCode: EN, name: slug, slug, description: '' }] },
        }),
      );
      await admin(
        'mutation ($input: [CreateProductVariantInput!]!) { createProductVariants(input: $input) { id } }',
        {
          input: [
            {
              productId: id,
              sku: slug,
              price: 1000,
              stockOnHand: units,
              trackInventory: 'TRUE',
              translations: [{ languageCode: EN, name: slug }],
            },
          ],
        },
      );
      return id;
    },
    async checkOut(id) {
      const buyer = createCaller(`${url}/shop-api`);
      const { variants } = z
        .object({ variants: z.array(withId) })
        .parse(await buyer('query ($id: ID!) { product(id: $id) { variants { id } } }', { id }));
      await buyer(
        'mutation ($variant: ID!) { addItemToOrder(productVariantId: $variant, quantity: 1) { __typename ... on ErrorResult { message } } }',
        { variant: variants[0]?.id },
      );
      await buyer(
        'mutation ($input: CreateCustomerInput!) { setCustomerForOrder(input: $input) { __typename ... on ErrorResult { message } } }',
        { input: { firstName: 'A', lastName: 'Buyer', emailAddress: `${crypto.randomUUID()}@example.com` } },
      );
      await buyer(
        'mutation ($input: CreateAddressInput!) { setOrderShippingAddress(input: $input) { __typename } }',
        { input: { streetLine1: '1 Street', countryCode: 'DE' } },
      );
      const methods = z.array(withId).parse(await buyer('{ eligibleShippingMethods { id } }'));
      await buyer('mutation ($id: [ID!]!) { setOrderShippingMethod(shippingMethodId: $id) { __typename } }', {
        id: [methods[0]?.id],
      });
      // Vendure checks the stock when the payment begins, so that belongs to the last step.
      return async () => {
        const begun = state.parse(
          await buyer(
            'mutation { transitionOrderToState(state: "ArrangingPayment") { ... on Order { state } ... on ErrorResult { errorCode } } }',
          ),
        );
        if (begun.state !== 'ArrangingPayment') return false;
        const paid = state.parse(
          await buyer(
            'mutation { addPaymentToOrder(input: { method: "dummy-payment", metadata: {} }) { ... on Order { state } ... on ErrorResult { errorCode } } }',
          ),
        );
        return paid.state === 'PaymentSettled';
      };
    },
    async booked(id) {
      const { variants } = stock.parse(
        await admin('query ($id: ID!) { product(id: $id) { variants { stockLevels { stockAllocated } } } }', {
          id,
        }),
      );
      return variants
        .flatMap(({ stockLevels }) => stockLevels)
        .reduce((sum, each) => sum + each.stockAllocated, 0);
    },
    async open(id) {
      return {
        product: id,
        ...product.parse(await admin('query ($id: ID!) { product(id: $id) { name description } }', { id })),
      };
    },
    async save(draft, change) {
      await update(draft.product, change);
      return true;
    },
  };
}
