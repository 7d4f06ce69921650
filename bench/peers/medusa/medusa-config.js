// Medusa as its own starter sets it up, on the PostgreSQL of DATABASE_URL, without the dashboard. LOCKING=postgres
// selects the lock provider that the documentation recommends for production; otherwise locks are in the memory of the process.
const { defineConfig } = require('@medusajs/framework/utils');

const locking = {
  resolve: '@medusajs/medusa/locking',
  options: {
    providers: [{ id: 'locking-postgres', resolve: '@medusajs/medusa/locking-postgres', is_default: true }],
  },
};

module.exports = defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    http: {
      storeCors: '',
      adminCors: '',
      authCors: '',
      jwtSecret: process.env.ADMIN_PASSWORD,
      cookieSecret: process.env.ADMIN_PASSWORD,
    },
  },
  admin: { disable: true },
  modules: process.env.LOCKING === 'postgres' ? [locking] : [],
});
