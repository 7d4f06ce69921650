// The parts of the database package that the services use. The migrator is in ./migrate.ts, so that services do not load its engine.
export { createPrismaClient } from './client.ts';
export * from './generated/client.ts';
export { databaseUrl, SERVICES, type Service, serviceRole, serviceUrl } from './urls.ts';
