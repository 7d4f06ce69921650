// The OpenAPI document: what linters find in it, and what its examples do.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '../support/client.ts';
import { callEach } from './examples.ts';
import { lintByRedocly, lintBySpectral } from './lint.ts';
import { system, workshop } from './seeded-shop.ts';

describe('the OpenAPI document', () => {
  let document: string;
  beforeAll(async () => {
    document = await (await fetch(`${system.url}/openapi.json`)).text();
  });

  it('causes no warning of redocly or spectral', async () => {
    const file = join(workshop.folder, 'openapi.json');
    await writeFile(file, document);
    expect(await lintByRedocly(file)).toEqual([]);
    expect(await lintBySpectral(file)).toEqual([]);
  });

  // The last example changes the password of the demo account.
  it('has examples that the server answers with the documented status', async () => {
    const { came, shown } = await callEach(await Client.of(system.url), JSON.parse(document));
    expect(came).toEqual(shown);
    expect(came).toContain('createOrder 201');
  });
});
