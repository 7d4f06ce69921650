// What requests leave in the metrics: of HTTP, of GraphQL, of the calls of subgraphs, of passwords and logins.
import type { ProcessName } from '@holdfast/local/stack/services';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually, uniqueName } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { growth, scrape, sumOf } from '../support/metrics.ts';
import { useSystem } from '../support/use-system.ts';

const system = useSystem({ env: { ARGON2_CONCURRENCY: '1', ARGON2_QUEUE: '1' } });
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
}, 60_000);

const at = (name: ProcessName) => system.opsUrl(name, '/metrics');
const asUser = (query: string) => client.graphql(query, {}, account.token);

describe('http_request_duration_seconds', () => {
  const count = 'http_request_duration_seconds_count';

  it('counts by route, method and status', async () => {
    const { id } = await client.product(account.token);
    const grown = await growth(at('gateway'), async () => {
      await client.rest('GET', `/products/${id}`);
      await client.rest('GET', `/products/${UNKNOWN_ID}`);
      await asUser('{ me { id } }');
    });
    expect(grown(count, { route: '/products/{id}', method: 'GET', status: '200' })).toBe(1);
    expect(grown(count, { route: '/products/{id}', method: 'GET', status: '404' })).toBe(1);
    expect(grown(count, { route: '/graphql', method: 'POST', status: '200' })).toBe(1);
    expect(grown(count)).toBe(3);
    expect(grown('http_request_duration_seconds_sum')).toBeGreaterThan(0);
  });

  it('counts what a subgraph answers, and whatever it does not know as other', async () => {
    const grown = await growth(at('users'), async () => {
      await fetch(new URL('/.well-known/jwks.json', system.subgraphUrl('users')));
      await fetch(new URL('/nothing', system.subgraphUrl('users')));
    });
    expect(grown(count, { route: '/.well-known/jwks.json', method: 'GET', status: '200' })).toBe(1);
    expect(grown(count, { route: 'other', method: 'GET', status: '404' })).toBe(1);
  });

  it('leaves the ops port out', async () => {
    // Of products, which no other service calls by the clock.
    const grown = await growth(at('products'), () => fetch(system.opsUrl('products', '/readyz')));
    expect(grown(count)).toBe(0);
  });
});

describe('graphql_operation_duration_seconds', () => {
  const count = 'graphql_operation_duration_seconds_count';

  it('counts by the names that the gateway knows, by type and outcome', async () => {
    const grown = await growth(at('gateway'), async () => {
      await client.rest('GET', '/profile', { token: account.token });
      await client.graphql('query OfACaller { __typename }');
      await client.graphql('{ order(id: "x") { id } }');
      await client.graphql('{ nothing }');
      await client.graphql('mutation { logout(refreshToken: "x") }');
    });
    expect(grown(count, { operation: 'Profile', type: 'query', outcome: 'ok' })).toBe(1);
    expect(grown(count, { operation: 'other', type: 'query', outcome: 'ok' })).toBe(1);
    expect(grown(count, { operation: 'other', outcome: 'refused' })).toBe(2);
    expect(grown(count, { operation: 'other', type: 'mutation', outcome: 'ok' })).toBe(1);
    expect(grown(count)).toBe(5);
  });
});

describe('graphql_query_plan_cache_total', () => {
  it('counts a miss the first time and a hit the second', async () => {
    const query = `{ me { id ${uniqueName('alias').replaceAll('-', '_')}: username } }`;
    const first = await growth(at('gateway'), () => asUser(query));
    expect(first('graphql_query_plan_cache_total', { result: 'miss' })).toBe(1);
    expect(first('graphql_query_plan_cache_total')).toBe(1);
    const second = await growth(at('gateway'), () => asUser(query));
    expect(second('graphql_query_plan_cache_total', { result: 'hit' })).toBe(1);
    expect(second('graphql_query_plan_cache_total')).toBe(1);
  });
});

describe('graphql_root_field_duration_seconds', () => {
  const count = 'graphql_root_field_duration_seconds_count';

  it('counts by field and outcome where they are resolved', async () => {
    const { id } = await client.product(account.token);
    const adjust = 'mutation { adjustStock(id: "x", delta: 1) { __typename } }';
    const grown = await growth(at('products'), async () => {
      await client.rest('GET', `/products/${id}`);
      await client.graphql(adjust);
      await asUser(adjust);
    });
    expect(grown(count, { field: 'product', outcome: 'ok' })).toBe(1);
    expect(grown(count, { field: 'adjustStock', outcome: 'refused' })).toBe(1);
    expect(grown(count, { field: 'adjustStock', outcome: 'problem' })).toBe(1);
    expect(grown(count)).toBe(3);
  });

  it('counts the entities that other subgraphs have asked for', async () => {
    const { id } = await client.product(account.token);
    await client.rest('POST', '/orders', { token: account.token, body: { product_id: id, quantity: 1 } });
    const grown = await growth(at('products'), () =>
      asUser('{ orders(first: 1) { edges { node { product { name } } } } }'),
    );
    expect(grown(count, { field: '_entities', outcome: 'ok' })).toBe(1);
    expect(grown(count)).toBe(1);
  });
});

describe('subgraph_request_duration_seconds', () => {
  const count = 'subgraph_request_duration_seconds_count';

  it('counts answers, with errors and without', async () => {
    const grown = await growth(at('gateway'), async () => {
      await asUser('{ me { id } }');
      await client.graphql('{ order(id: "x") { id } }');
    });
    expect(grown(count, { subgraph: 'users', outcome: 'ok' })).toBe(1);
    expect(grown(count, { subgraph: 'orders', outcome: 'graphql_error' })).toBe(1);
    expect(grown(count)).toBe(2);
  });

  it('counts a subgraph that is gone and one that hangs', async () => {
    await system.kill('orders');
    const gone = await growth(at('gateway'), () => asUser('{ orders { edges { cursor } } }'));
    await system.restart('orders');
    expect(gone(count, { subgraph: 'orders', outcome: 'unavailable' })).toBe(1);
    expect(gone('graphql_operation_duration_seconds_count', { outcome: 'error' })).toBe(1);
    const pid = system.pid('products');
    if (pid === undefined) throw new Error('products does not run');
    process.kill(pid, 'SIGSTOP');
    try {
      const hangs = await growth(at('gateway'), () => client.graphql('{ products { edges { cursor } } }'));
      expect(hangs(count, { subgraph: 'products', outcome: 'timeout' })).toBe(1);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });
});

describe('the metrics of accounts', () => {
  const logIn = (password: string) =>
    client.rest('POST', '/login', { body: { username: account.username, password } });

  it('count logins that are let in, that are not, and that find too many waiting', async () => {
    const grown = await growth(at('users'), async () => {
      expect((await logIn(account.password)).status).toBe(200);
      expect((await logIn('not the password')).status).toBe(401);
    });
    expect(grown('logins_total', { outcome: 'ok' })).toBe(1);
    expect(grown('logins_total', { outcome: 'bad_credentials' })).toBe(1);
    expect(grown('logins_total')).toBe(2);
    const crowd = await growth(at('users'), () =>
      Promise.all(Array.from({ length: 30 }, () => logIn('not the password'))),
    );
    expect(crowd('logins_total', { outcome: 'refused' })).toBeGreaterThan(0);
    expect(crowd('argon2_refused_total')).toBe(crowd('logins_total', { outcome: 'refused' }));
    expect(crowd('logins_total')).toBe(30);
  });

  it('show how many passwords are hashed and wait, while they do', async () => {
    let over = false;
    const keepTrying = async () => {
      while (!over) await logIn('not the password');
    };
    const callers = Promise.all(Array.from({ length: 4 }, keepTrying));
    try {
      await eventually(
        () => scrape(at('users')),
        (metrics) => metrics.get('argon2_running') === 1 && metrics.get('argon2_waiting') === 1,
      );
    } finally {
      over = true;
      await callers;
    }
    expect(sumOf(await scrape(at('users')), 'argon2_running')).toBe(0);
  });

  it('show the age and the number of the signing keys', async () => {
    const seen = await scrape(at('users'));
    expect(seen.get('signing_keys')).toBe(1);
    expect(seen.get('signing_key_age_seconds')).toBeGreaterThan(0);
    expect(seen.get('signing_key_age_seconds')).toBeLessThan(600);
  });

  it('count a change of password that came too late', async () => {
    const { id, token, password } = await client.account();
    const change = () =>
      client.graphql(
        'mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }',
        { input: { currentPassword: password, newPassword: `better horse ${crypto.randomUUID()}` } },
        token,
      );
    const waiting = () =>
      inspect(system.adminUrl, async (database) => {
        const { rowCount } = await database.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return rowCount;
      });
    const grown = await growth(at('users'), () =>
      inspect(system.adminUrl, async (database) => {
        // Both have found the password right before either may write.
        await database.query('BEGIN');
        await database.query('SELECT FROM users.users WHERE id = $1 FOR UPDATE', [id]);
        const changes = Promise.all([change(), change()]);
        await eventually(waiting, (sessions) => sessions === 2);
        await database.query('COMMIT');
        await changes;
      }),
    );
    expect(grown('compare_and_swap_conflicts_total', { entity: 'user' })).toBe(1);
  });
});
