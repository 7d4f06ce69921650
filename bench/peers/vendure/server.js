// Vendure as its own starter sets it up, on the PostgreSQL of DATABASE_URL and the port of PORT: stock is tracked, and a
// dummy handler takes every payment.
import { bootstrap, DefaultJobQueuePlugin, dummyPaymentHandler, LanguageCode } from '@vendure/core';
import { populateInitialData } from '@vendure/core/cli/index.js';

const initialData = {
  defaultLanguage: LanguageCode.en,
  defaultZone: 'Europe',
  countries: [{ name: 'Germany', code: 'DE', zone: 'Europe' }],
  taxRates: [{ name: 'Standard tax', percentage: 19 }],
  shippingMethods: [{ name: 'Standard shipping', price: 500 }],
  paymentMethods: [
    {
      name: 'Dummy payment',
      handler: {
        code: dummyPaymentHandler.code,
        arguments: [{ name: 'automaticSettle', value: 'true' }],
      },
    },
  ],
  collections: [],
};

const app = await bootstrap({
  apiOptions: { port: Number(process.env.PORT), adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  dbConnectionOptions: { type: 'postgres', url: process.env.DATABASE_URL, synchronize: true },
  authOptions: {
    tokenMethod: 'bearer',
    superadminCredentials: { identifier: 'superadmin', password: process.env.ADMIN_PASSWORD },
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  plugins: [DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true })],
});
await populateInitialData(app, initialData);
console.log('ready');
