// The text that `npm start` prints when the system is ready: addresses, demo accounts, and calls to copy.
import { relative } from 'node:path';
import { passwordFile } from '../postgres/initdb.ts';
import { DEMO_ACCOUNTS } from '../seed/seed.ts';
import { inspectorAddress, PROCESSES, portsFrom } from '../settings/services.ts';
import type { LocalSettings } from '../settings/settings.ts';
import { postgresFolder } from './database-server.ts';
import type { Stack } from './stack.ts';

/** The lines to print; ends without a line break. */
export function formatWelcome(stack: Stack, settings: LocalSettings): string {
  const gateway = useLocalhost(stack.urls.gateway);
  const accounts = DEMO_ACCOUNTS.map(
    ({ username, password, role }) => `${username} / ${password} (${role.toLowerCase()})`,
  );
  const query = '{ products(first: 3) { edges { node { id name price stock version } } } }';
  return `
Holdfast is ready.

  start page            ${gateway}
  console for staff     ${gateway}/console
  ${formatGraphqlLabel(settings)}  ${gateway}/graphql
  REST                  ${gateway}/products   (reference: ${gateway}/docs)
  subgraphs             ${(['users', 'products', 'orders'] as const).map((name) => useLocalhost(stack.urls[name])).join('  ')}
  health and metrics    ${useLocalhost(stack.opsUrls.gateway)}/readyz  /metrics${formatInspectors(settings)}
  database              ${formatDatabase(stack, settings)}
                        ${formatPsql(stack, settings)}
  cache and limits      ${formatRedis(settings)}
  catalog               ${formatCatalog(settings)}
  mail                  ${formatMail(stack, settings)}
  demo accounts         ${accounts.join('\n                        ')}

Log in and list products:

  curl -s ${gateway}/login -H 'content-type: application/json' -d '{"username":"${DEMO_ACCOUNTS[0]?.username}","password":"${DEMO_ACCOUNTS[0]?.password}"}'
  curl -s ${gateway}/graphql -H 'content-type: application/json' -d '{"query":"${query}"}'

Ctrl-C stops the system. npm start -- --reset deletes its data first.
`;
}

const formatGraphqlLabel = ({ passedThrough }: LocalSettings): string =>
  passedThrough['EXPLORER'] === 'off' ? 'GraphQL             ' : 'GraphQL and explorer';

function useLocalhost(url: string): string {
  return url.replace('127.0.0.1', 'localhost');
}

function formatInspectors({ inspect, port }: LocalSettings): string {
  if (!inspect) return '';
  const ports = portsFrom(port);
  return `\n  inspectors            ${PROCESSES.map((name) => `${name} ${inspectorAddress(ports, name)}`).join('  ')}`;
}

const formatMail = ({ urls }: Stack, { passedThrough }: LocalSettings): string =>
  passedThrough['SMTP_URL'] === undefined
    ? `not sent; read it at ${useLocalhost(urls.users)}/outbox`
    : 'sent through SMTP_URL';

/** The place of the database, without the password. */
function formatDatabase({ database }: Stack, { dataDir }: LocalSettings): string {
  const { hostname, port, pathname } = new URL(database.adminUrl);
  const place = `${hostname}:${port || 5432}${pathname}`;
  if (database.embedded === undefined) return `${place} (DATABASE_URL)`;
  return `${place} (embedded, in ${relative(process.cwd(), dataDir) || '.'}/postgres)`;
}

/** A command for a shell in this folder. It names the file of the password instead of the password. */
function formatPsql({ database }: Stack, { dataDir }: LocalSettings): string {
  if (database.embedded === undefined) return 'psql "$DATABASE_URL"';
  const { hostname, port, pathname, username } = new URL(database.adminUrl);
  const file = relative(process.cwd(), passwordFile(postgresFolder(dataDir)));
  return `PGPASSWORD="$(cat '${file}')" psql -h ${hostname} -p ${port} -U ${username} ${pathname.slice(1)}`;
}

/** The place of the cache and the rate limits, without passwords. */
function formatRedis({ passedThrough }: LocalSettings): string {
  const { REDIS_URL: counts, CACHE_REDIS_URL: cache = counts } = passedThrough;
  const [limitsPlace, cachePlace] = [counts, cache].map((url) =>
    url === undefined ? 'in each process (REDIS_URL would share them)' : `Redis at ${hostOf(url)}`,
  );
  const place = counts === cache ? `${limitsPlace}` : `cache ${cachePlace}; limits ${limitsPlace}`;
  return passedThrough['RATE_LIMITS'] === 'off' ? `${place}; limits are off` : place;
}

const formatCatalog = ({ passedThrough }: LocalSettings): string =>
  passedThrough['CATALOG_WRITERS'] === 'staff'
    ? 'only staff may change it (CATALOG_WRITERS=staff)'
    : 'every account may change it (CATALOG_WRITERS=everyone; in production: staff)';

function hostOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 6379}`;
}
