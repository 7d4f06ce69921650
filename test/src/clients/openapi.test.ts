// /openapi.json for those who generate and read: linters, and the examples that a reader tries.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '../support/client.ts';
import { type System, startSystem } from '../support/system.ts';
import { callEach } from './examples.ts';
import { redocly, spectral } from './lint.ts';

let system: System;
let folder: string;
let document: string;
beforeAll(async () => {
  system = await startSystem({ seeded: true });
  document = await (await fetch(`${system.url}/openapi.json`)).text();
  folder = await mkdtemp(join(tmpdir(), 'holdfast-openapi-'));
  await writeFile(join(folder, 'openapi.json'), document);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await system?.stop();
});

describe('the OpenAPI document', () => {
  it('has nothing that redocly or spectral warns of', async () => {
    expect(await redocly(join(folder, 'openapi.json'))).toEqual([]);
    expect(await spectral(join(folder, 'openapi.json'))).toEqual([]);
  });

  it('shows examples that this server answers as the document says', async () => {
    const { came, shown } = await callEach(await Client.of(system.url), JSON.parse(document));
    expect(came).toEqual(shown);
    expect(came).toContain('createOrder 201');
  });
});
