// Medusa by its Store API and its Admin API (https://docs.medusajs.com/api/store, …/api/admin).
import { z } from 'zod';
import { call, type Shop, succeed } from './shop.ts';

const withId = z.object({ id: z.string() });
const ADDRESS = {
  first_name: 'A',
  last_name: 'Buyer',
  address_1: '1 Street',
  city: 'City',
  country_code: 'de',
  postal_code: '1',
};

interface Setting {
  readonly region: string;
  readonly location: string;
  readonly channel: string;
  readonly shippingProfile: string;
  readonly shippingOption: string;
  readonly publishableKey: string;
}

type Ask = (method: string, path: string, body?: object) => Promise<unknown>;

const idOf = (key: string, body: unknown): string =>
  withId.parse(z.record(z.string(), z.unknown()).parse(body)[key]).id;

/** @param url where `medusa start` listens; there is one administrator, admin@example.com */
export async function openMedusa(url: string, adminPassword: string): Promise<Shop> {
  const { token } = z.object({ token: z.string() }).parse(
    await succeed('POST', `${url}/auth/user/emailpass`, {
      email: 'admin@example.com',
      password: adminPassword,
    }),
  );
  const admin: Ask = (method, path, body) =>
    succeed(method, `${url}/admin${path}`, body, { authorization: `Bearer ${token}` });
  const setting = await setUp(admin);
  const headers = { 'x-publishable-api-key': setting.publishableKey };
  const store: Ask = (method, path, body) => succeed(method, `${url}/store${path}`, body, headers);

  return {
    name: 'Medusa 2.21.2',
    offer: (units) => offer(admin, setting, units),
    async checkOut(id) {
      const { product } = z
        .object({ product: z.object({ variants: z.array(withId) }) })
        .parse(await admin('GET', `/products/${id}`));
      const cart = idOf(
        'cart',
        await store('POST', '/carts', {
          region_id: setting.region,
          sales_channel_id: setting.channel,
          email: `${crypto.randomUUID()}@example.com`,
          shipping_address: ADDRESS,
          items: [{ variant_id: product.variants[0]?.id, quantity: 1 }],
        }),
      );
      await store('POST', `/carts/${cart}/shipping-methods`, { option_id: setting.shippingOption });
      const payment = idOf(
        'payment_collection',
        await store('POST', '/payment-collections', { cart_id: cart }),
      );
      await store('POST', `/payment-collections/${payment}/payment-sessions`, {
        provider_id: 'pp_system_default',
      });
      return async () => {
        const { status, body } = await call('POST', `${url}/store/carts/${cart}/complete`, {}, headers);
        if (status >= 500) throw new Error(`${status} ${JSON.stringify(body)}`);
        return status === 200 && z.object({ type: z.string() }).parse(body).type === 'order';
      };
    },
    async booked(id) {
      const { product } = z
        .object({
          product: z.object({
            variants: z.array(
              z.object({ inventory_items: z.array(z.object({ inventory_item_id: z.string() })) }),
            ),
          }),
        })
        .parse(await admin('GET', `/products/${id}?fields=*variants.inventory_items`));
      const item = product.variants[0]?.inventory_items[0]?.inventory_item_id;
      const { reservations } = z
        .object({ reservations: z.array(z.object({ quantity: z.number() })) })
        .parse(await admin('GET', `/reservations?inventory_item_id[]=${item}&limit=1000`));
      return reservations.reduce((sum, { quantity }) => sum + quantity, 0);
    },
    async open(id) {
      const { product } = z
        .object({ product: z.object({ title: z.string(), description: z.string().nullable() }) })
        .parse(await admin('GET', `/products/${id}?fields=title,description`));
      return { product: id, name: product.title, description: product.description ?? '' };
    },
    async save({ product }, { name, description }) {
      await admin('POST', `/products/${product}`, {
        ...(name !== undefined && { title: name }),
        ...(description !== undefined && { description }),
      });
      return true;
    },
  };
}

/** Creates what a shop needs before it can sell: a region, a stock location, a shipping option, a key for the storefront. */
async function setUp(admin: Ask): Promise<Setting> {
  const { sales_channels: channels } = z
    .object({ sales_channels: z.array(withId).min(1) })
    .parse(await admin('GET', '/sales-channels'));
  const channel = channels[0]?.id ?? '';
  const region = idOf(
    'region',
    await admin('POST', '/regions', {
      name: 'Europe',
      currency_code: 'eur',
      countries: ['de'],
      payment_providers: ['pp_system_default'],
    }),
  );
  const location = idOf('stock_location', await admin('POST', '/stock-locations', { name: 'Store' }));
  await admin('POST', `/stock-locations/${location}/sales-channels`, { add: [channel] });
  await admin('POST', `/stock-locations/${location}/fulfillment-providers`, { add: ['manual_manual'] });
  const fulfilment = z.object({ stock_location: z.object({ fulfillment_sets: z.array(withId) }) }).parse(
    await admin('POST', `/stock-locations/${location}/fulfillment-sets?fields=*fulfillment_sets`, {
      name: 'Shipping',
      type: 'shipping',
    }),
  ).stock_location.fulfillment_sets[0]?.id;
  const zone = z.object({ fulfillment_set: z.object({ service_zones: z.array(withId) }) }).parse(
    await admin('POST', `/fulfillment-sets/${fulfilment}/service-zones?fields=*service_zones`, {
      name: 'Germany',
      geo_zones: [{ type: 'country', country_code: 'de' }],
    }),
  ).fulfillment_set.service_zones[0]?.id;
  const profiles = z
    .object({ shipping_profiles: z.array(withId).min(1) })
    .parse(await admin('GET', '/shipping-profiles'));
  const shippingProfile = profiles.shipping_profiles[0]?.id ?? '';
  const shippingOption = idOf(
    'shipping_option',
    await admin('POST', '/shipping-options', {
      name: 'Standard',
      service_zone_id: zone,
      shipping_profile_id: shippingProfile,
      provider_id: 'manual_manual',
      price_type: 'flat',
      type: { label: 'Standard', description: 'Two days.', code: 'standard' },
      prices: [{ currency_code: 'eur', amount: 5 }],
      rules: [],
    }),
  );
  const { api_key: key } = z
    .object({ api_key: z.object({ id: z.string(), token: z.string() }) })
    .parse(await admin('POST', '/api-keys', { title: 'Store', type: 'publishable' }));
  await admin('POST', `/api-keys/${key.id}/sales-channels`, { add: [channel] });
  return { region, location, channel, shippingProfile, shippingOption, publishableKey: key.token };
}

async function offer(
  admin: Ask,
  { channel, location, shippingProfile }: Setting,
  units: number,
): Promise<string> {
  const { product } = z
    .object({
      product: z.object({
        id: z.string(),
        variants: z.array(
          z.object({ inventory_items: z.array(z.object({ inventory_item_id: z.string() })) }),
        ),
      }),
    })
    .parse(
      await admin('POST', '/products?fields=id,*variants.inventory_items', {
        title: `Product ${crypto.randomUUID()}`,
        status: 'published',
        shipping_profile_id: shippingProfile,
        sales_channels: [{ id: channel }],
        options: [{ title: 'Kind', values: ['only'] }],
        variants: [
          {
            title: 'Only',
            options: { Kind: 'only' },
            manage_inventory: true,
            allow_backorder: false,
            prices: [{ currency_code: 'eur', amount: 10 }],
          },
        ],
      }),
    );
  const item = product.variants[0]?.inventory_items[0]?.inventory_item_id;
  await admin('POST', `/inventory-items/${item}/location-levels`, {
    location_id: location,
    stocked_quantity: units,
  });
  return product.id;
}
