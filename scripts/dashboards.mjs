// The Grafana dashboards: three pages of panels, each a title, a unit and its queries. monitoring.mjs writes the JSON.

const INTERVAL = '$__rate_interval';
const WIDTH = 8;
const HEIGHT = 8;
const COLUMNS = 24 / WIDTH;

const rate = (metric, selector = '') => `rate(${metric}${selector}[${INTERVAL}])`;
const quantile = (q, metric, by, selector = '') =>
  `histogram_quantile(${q}, sum by (le, ${by}) (${rate(`${metric}_bucket`, selector)}))`;

/** A panel over time. `queries` are pairs of PromQL and legend. */
const panel = (title, unit, ...queries) => ({ title, unit, queries });

const OVERVIEW = [
  panel('Operations', 'ops', [
    `sum by (outcome) (${rate('graphql_operation_duration_seconds_count', '{job="gateway"}')})`,
    '{{outcome}}',
  ]),
  panel(
    'Failed operations, of all',
    'percentunit',
    ['gateway:operation_failures:ratio_rate5m', 'five minutes'],
    ['gateway:operation_failures:ratio_rate1h', 'an hour'],
    ['gateway:operation_failures:ratio_rate1d', 'a day'],
  ),
  panel('Requests slower than 500 ms, of all', 'percentunit', [
    'gateway:slow_requests:ratio_rate5m',
    'without orders',
  ]),
  panel('REST and GraphQL requests by route', 'reqps', [
    `sum by (route, method) (${rate('http_request_duration_seconds_count', '{job="gateway"}')})`,
    '{{method}} {{route}}',
  ]),
  panel('Requests by status', 'reqps', [
    `sum by (status) (${rate('http_request_duration_seconds_count', '{job="gateway"}')})`,
    '{{status}}',
  ]),
  panel('Time of a request, p99 by route', 's', [
    quantile(0.99, 'http_request_duration_seconds', 'route', '{job="gateway"}'),
    '{{route}}',
  ]),
  panel('Root fields', 'ops', [
    `sum by (field) (${rate('graphql_root_field_duration_seconds_count')})`,
    '{{field}}',
  ]),
  panel('Root fields that failed', 'ops', [
    `sum by (field) (${rate('graphql_root_field_duration_seconds_count', '{outcome="error"}')})`,
    '{{field}}',
  ]),
  panel('Time of a root field, p99', 's', [
    quantile(0.99, 'graphql_root_field_duration_seconds', 'field'),
    '{{field}}',
  ]),
  panel('Calls of subgraphs', 'ops', [
    `sum by (subgraph, outcome) (${rate('subgraph_request_duration_seconds_count')})`,
    '{{subgraph}} {{outcome}}',
  ]),
  panel('Time of a subgraph call, p99', 's', [
    quantile(0.99, 'subgraph_request_duration_seconds', 'subgraph'),
    '{{subgraph}}',
  ]),
  panel(
    'Refused: limits of callers and of the graph',
    'ops',
    [`sum by (limit) (${rate('rate_limit_refusals_total')})`, 'rate {{limit}}'],
    [`sum by (limit) (${rate('graphql_limit_refusals_total')})`, 'graph {{limit}}'],
  ),
];

const ORDERS = [
  panel('Orders by the status they got', 'ops', [
    `sum by (status) (${rate('order_transitions_total')})`,
    '{{status}}',
  ]),
  panel(
    'From accepted to settled',
    's',
    [quantile(0.5, 'order_settlement_seconds', 'job'), 'p50'],
    [quantile(0.99, 'order_settlement_seconds', 'job'), 'p99'],
  ),
  panel('Orders that wait for their outcome', 'short', ['max(orders_pending)', 'orders']),
  panel('Age of the oldest pending order', 's', ['max(orders_oldest_pending_seconds)', 'order']),
  panel('Reservations of stock', 'ops', [`sum by (outcome) (${rate('reservations_total')})`, '{{outcome}}']),
  panel('Replays of idempotency keys', 'ops', [`sum(${rate('idempotent_replays_total')})`, 'replays']),
  panel('Writes that came too late', 'ops', [
    `sum by (entity) (${rate('compare_and_swap_conflicts_total')})`,
    '{{entity}}',
  ]),
  panel(
    'Jobs in the queue',
    'short',
    ['max by (task) (queue_jobs)', '{{task}}'],
    ['max by (task) (queue_dead_jobs)', '{{task}} dead'],
  ),
  panel('Age of the oldest job', 's', ['max by (task) (queue_oldest_job_age_seconds)', '{{task}}']),
  panel(
    'Runs of jobs',
    'ops',
    [`sum by (task, outcome) (${rate('queue_job_duration_seconds_count')})`, '{{task}} {{outcome}}'],
    [`sum by (task) (${rate('queue_job_retries_total')})`, '{{task}} again'],
  ),
  panel('Time of a job, p99', 's', [quantile(0.99, 'queue_job_duration_seconds', 'task'), '{{task}}']),
  panel('Product cache', 'ops', [`sum by (result) (${rate('cache_requests_total')})`, '{{result}}']),
];

const RUNTIME = [
  panel('CPU', 'percentunit', [
    `sum by (job, instance) (${rate('process_cpu_seconds_total')})`,
    '{{job}} {{instance}}',
  ]),
  panel('Resident memory', 'bytes', ['process_resident_memory_bytes', '{{job}} {{instance}}']),
  panel('Heap in use', 'bytes', ['nodejs_heap_size_used_bytes', '{{job}} {{instance}}']),
  panel('Lag of the event loop, p99', 's', ['nodejs_eventloop_lag_p99_seconds', '{{job}} {{instance}}']),
  panel('Collecting garbage', 'percentunit', [
    `sum by (job, instance) (${rate('nodejs_gc_duration_seconds_sum')})`,
    '{{job}} {{instance}}',
  ]),
  panel('Builds', 'short', [
    'count by (service, version, revision) (build_info)',
    '{{service}} {{version}} {{revision}}',
  ]),
  panel(
    'Connections to PostgreSQL',
    'short',
    ['sum by (pool, state) (database_pool_connections)', '{{pool}} {{state}}'],
    ['sum by (pool) (database_pool_waiting)', '{{pool}} waiting'],
  ),
  panel('Wait for a connection, p99', 's', [
    quantile(0.99, 'database_pool_wait_seconds', 'pool'),
    '{{pool}}',
  ]),
  panel('SQL statements', 'ops', [`sum by (job) (${rate('sql_statements_total')})`, '{{job}}']),
  panel('Redis answers', 'short', ['min by (job) (redis_up)', '{{job}}']),
  panel('Commands of Redis that failed', 'ops', [
    `sum by (job) (${rate('redis_failures_total')})`,
    '{{job}}',
  ]),
  panel('Query plan cache', 'ops', [
    `sum by (result) (${rate('graphql_query_plan_cache_total')})`,
    '{{result}}',
  ]),
  panel(
    'Logins',
    'ops',
    [`sum by (outcome) (${rate('logins_total')})`, '{{outcome}}'],
    [`sum(${rate('argon2_refused_total')})`, 'passwords turned away'],
  ),
  panel(
    'Hashing of passwords',
    'short',
    ['sum(argon2_running)', 'running'],
    ['sum(argon2_waiting)', 'waiting'],
  ),
  panel('Age of the signing key', 's', ['max(signing_key_age_seconds)', 'key']),
];

const dashboard = (uid, title, panels) => ({
  uid,
  title,
  tags: ['holdfast'],
  timezone: 'browser',
  refresh: '30s',
  time: { from: 'now-3h', to: 'now' },
  schemaVersion: 39,
  templating: {
    list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' }],
  },
  panels: panels.map(({ title: heading, unit, queries }, index) => ({
    id: index + 1,
    title: heading,
    type: 'timeseries',
    datasource: { type: 'prometheus', uid: '$' + '{datasource}' },
    gridPos: { x: (index % COLUMNS) * WIDTH, y: Math.floor(index / COLUMNS) * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: queries.map(([expr, legendFormat], target) => ({
      refId: String.fromCharCode(65 + target),
      expr,
      legendFormat,
    })),
  })),
});

/** By the name of the file. */
export const DASHBOARDS = {
  overview: dashboard('holdfast-overview', 'holdfast: overview', OVERVIEW),
  orders: dashboard('holdfast-orders', 'holdfast: orders and stock', ORDERS),
  runtime: dashboard('holdfast-runtime', 'holdfast: runtime', RUNTIME),
};
