// The rules about PostgreSQL, its pooler and Redis select metrics that exist. The metrics of Redis come from its exporter and a real
// server, those of CloudNativePG and the kubelet from a list of their sources.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { findFreePort } from '@holdfast/local/processes/ports';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { eventually } from '../support/client.ts';
import { scrape } from '../support/metrics.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { listMissingSeries, rulesOf, selectorsOf } from '../support/rules.ts';

/**
 * CloudNativePG 1.30: config/manager/default-monitoring.yaml, pkg/management/postgres/webserver/metricserver and
 * pkg/management/pgbouncer/metricsserver; the Barman Cloud plugin 0.13: internal/cnpgi/instance/metrics.go; Kubernetes:
 * pkg/kubelet/metrics/collectors/volume_stats.go. The labels are those that the rules use.
 */
const OF_OPERATORS = [
  'cnpg_collector_up{cluster=""}',
  'cnpg_collector_pg_wal_archive_status{value="ready"}',
  'cnpg_pg_replication_streaming_replicas',
  'cnpg_pg_replication_lag',
  'cnpg_backends_total{datname="",usename="",application_name="",state=""}',
  'cnpg_pg_settings_setting{name="max_connections"}',
  'cnpg_pg_stat_archiver_failed_count',
  'cnpg_pg_stat_archiver_last_failed_time',
  'cnpg_pg_stat_archiver_last_archived_time',
  'cnpg_pgbouncer_up',
  'cnpg_pgbouncer_pools_cl_waiting{database="",user=""}',
  'barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp',
  'barman_cloud_cloudnative_pg_io_last_available_backup_timestamp',
  'kubelet_volume_stats_available_bytes{persistentvolumeclaim="holdfast-db-.+"}',
  'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="holdfast-db-.+"}',
];
const selectors = rulesOf('stores').flatMap(({ expr }) => selectorsOf(expr));

let redis: RedisServer;
let exporter: ChildProcess;
let url: string;

beforeAll(async () => {
  redis = await startRedis();
  const port = await findFreePort();
  url = `http://127.0.0.1:${port}/metrics`;
  // The operator passes the address of Redis in the same variables.
  const env = { REDIS_ADDR: redis.url, REDIS_EXPORTER_WEB_LISTEN_ADDRESS: `127.0.0.1:${port}` };
  exporter = spawn('prometheus-redis-exporter', [], { env, stdio: 'ignore' });
  await eventually(
    () => scrape(url).catch(() => new Map<string, number>()),
    (metrics) => metrics.get('redis_up') === 1,
  );
}, 30_000);
afterAll(async () => {
  const exited = exporter && once(exporter, 'exit');
  exporter?.kill();
  await exited;
  await redis?.stop();
});

it('select only metrics of the operators and of the exporter of Redis', () => {
  const unknown = selectors
    .filter(({ metric }) => metric !== 'up' && !metric.startsWith('redis_'))
    .flatMap((selector) => listMissingSeries(selector, OF_OPERATORS));
  expect(unknown).toEqual([]);
});

it('select the metrics of a Redis that is full, and of a Redis that is down', async () => {
  const client = createClient({ url: redis.url });
  client.on('error', () => undefined);
  await client.connect();
  await client.configSet('maxmemory', '1');
  await expect(client.set('count', '1')).rejects.toThrow('OOM');
  client.destroy();

  const metrics = await scrape(url);
  const ofRedis = selectors.filter(({ metric }) => metric.startsWith('redis_'));
  expect(ofRedis.length).toBeGreaterThan(8);
  expect(ofRedis.flatMap((selector) => listMissingSeries(selector, metrics.keys()))).toEqual([]);
  expect(metrics.get('redis_errors_total{err="OOM"}')).toBe(1);
  expect(metrics.get('redis_memory_max_bytes')).toBe(1);

  await redis.kill();
  expect((await scrape(url)).get('redis_up')).toBe(0);
});
