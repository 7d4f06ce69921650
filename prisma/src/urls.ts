// URLs of one PostgreSQL server: for another database, or for another role.

/** The services. Each owns a schema and a role. */
export const SERVICES = ['users', 'products', 'orders'] as const;
export type Service = (typeof SERVICES)[number];

/** The database role that `service` connects with, e.g. `orders_service`. */
export function serviceRole(service: Service): string {
  return `${service}_service`;
}

/** `adminUrl` with the service's role and password instead of the administrator's. */
export function serviceUrl(adminUrl: string, service: Service, password: string): string {
  const url = new URL(adminUrl);
  url.username = serviceRole(service);
  url.password = encodeURIComponent(password);
  // In libpq these parameters override the user and password of the URL.
  url.searchParams.delete('user');
  url.searchParams.delete('password');
  return url.href;
}

/** `url` for another database of the same server. */
export function databaseUrl(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${encodeURIComponent(database)}`;
  return other.href;
}
