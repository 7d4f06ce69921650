// What the services use of the database. Migrating is in ./migrate.js, so that they do not load its engine.
export { createPrismaClient } from './client.ts';
export * from './generated/client.ts';
export { databaseUrl, SERVICES, type Service, serviceRole, serviceUrl } from './urls.ts';
