// What the services use of the database. Migrating is in ./migrate.js, so that they do not load its engine.
export { createPrismaClient } from './client.js';
export * from './generated/client.js';
export { databaseUrl, SERVICES, type Service, serviceRole, serviceUrl } from './urls.js';
