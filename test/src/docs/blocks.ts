// Runs each block of code of the documents in its order, and compares the replies that a document shows with the received ones. A mark
// behind the language of a block says why no test can run it; CONTRIBUTING.md lists the marks.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import { system } from '../clients/seeded-shop.ts';
import { Client, eventually } from '../support/client.ts';
import { whileTestsRun } from '../support/use-system.ts';
import { type Block, blocksOf, DOCUMENTS } from './documents.ts';
import { Shell } from './shell.ts';
import { expectHttp, expectJson, expectText, type Names } from './shown.ts';

/** Has the default rate limits, which a reader meets too. */
const gateway = whileTestsRun(() => system.another('gateway', { RATE_LIMITS: '' }));
/** The folder in which the shells begin, with the files of the documents. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-docs-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const blocks = new Map(
  DOCUMENTS.map((path) => [path, blocksOf(path).filter(({ language }) => language !== 'mermaid')]),
);

/** The documents whose blocks are run, each with how many there are. */
const counted = [...blocks].flatMap(([path, all]) => {
  const run = all.filter(({ reason }) => reason === undefined);
  return run.length === 0 ? [] : [{ path, run, count: run.length, of: all.length }];
});
/** Documents that a reader may follow more than once. */
const AGAIN = ['README.md', 'docs/graphql.md', 'docs/rest.md'];
const total = (of: Iterable<{ readonly length: number }>): number =>
  [...of].reduce((sum, { length }) => sum + length, 0);

/** A reader who follows a document: a shell, the values that the document has named, and the last reply. */
class Reader {
  readonly #shell = new Shell(folder);
  /** The reply of the last block that ran. The next block that shows a reply is compared with it. */
  #came: string | undefined;
  #operation: string | undefined;

  /** @throws when the block does not do what the document says */
  async follow({ language, mark, text, path }: Block, next: Block | undefined): Promise<void> {
    const here = text.replaceAll('localhost:4000', new URL(gateway.url).host);
    if (mark.includes('.')) return await writeFile(join(folder, mark), here);
    switch (language) {
      case 'sh':
        this.#came = await this.#shell.run(here);
        return;
      case 'sql':
        return await this.#administer(here);
      case 'graphql':
        this.#operation = here;
        if (next?.mark !== 'variables') await this.#send({}, next);
        return;
      case 'json':
        if (mark === 'variables') return await this.#send(JSON.parse(await this.#named(here)), next);
        return await this.#compare(here, expectJson);
      case 'http':
        return await this.#compare(here, expectHttp);
      case 'text':
        return await this.#compare(here, expectText);
      default:
        throw new Error(`${path} has a block of ${language}, which is not run and has no mark`);
    }
  }

  end(): void {
    this.#shell.end();
  }

  /** Sends the operation with the token in TOKEN. The reply must have no errors, unless the document shows it. */
  async #send(variables: object, next: Block | undefined): Promise<void> {
    const token = await this.#shell.read('TOKEN');
    const reply = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query: this.#operation, variables }),
    });
    this.#came = await reply.text();
    const isShown = next?.language === 'json' && next.mark === '';
    if (!isShown) expect(JSON.parse(this.#came)).not.toHaveProperty('errors');
  }

  async #compare(shown: string, compare: (shown: string, came: string, names: Names) => void): Promise<void> {
    if (this.#came === undefined) throw new Error('no block before this one has a reply');
    const names = await this.#names(shown);
    const before = new Set(names.keys());
    compare(shown, this.#came, names);
    for (const [name, value] of names) if (!before.has(name)) await this.#shell.set(name, value);
  }

  /** Reads the shell variables that a text names. */
  async #names(text: string): Promise<Names> {
    const names: Names = new Map();
    for (const [, name = ''] of text.matchAll(/"\$([A-Z]+)"/g)) {
      const value = await this.#shell.read(name);
      if (value !== undefined) names.set(name, value);
    }
    return names;
  }

  async #named(text: string): Promise<string> {
    const names = await this.#names(text);
    return text.replaceAll(/"\$([A-Z]+)"/g, (shown, name: string) =>
      JSON.stringify(names.get(name) ?? shown),
    );
  }

  async #administer(statements: string): Promise<void> {
    const administrator = new pg.Client(system.adminUrl);
    await administrator.connect();
    try {
      // One by one, as psql does, because some statements cannot run in a transaction.
      for (const statement of statements.split(/;$/m)) await administrator.query(statement);
    } finally {
      await administrator.end();
    }
  }
}

/** Runs the blocks of a document one after the other, each a test. */
function follow(run: readonly Block[]): void {
  let reader: Reader;
  beforeAll(() => {
    reader = new Reader();
  });
  afterAll(() => reader.end());
  it.each(run.map((block, index) => ({ ...block, index })))('line $line: $language $mark', async (block) => {
    await reader.follow(block, run[block.index + 1]);
  });
}

describe(`${total(counted.map(({ run }) => run))} of the ${total(blocks.values())} blocks of the documents are run:`, () => {
  describe.each(counted)('$count of the $of in $path', ({ run }) => follow(run));
  describe.each(counted.filter(({ path }) => AGAIN.includes(path)))('$path, pasted again,', ({ run }) =>
    follow(run),
  );
});

describe('the client of docs/rest.md', () => {
  let token: string;
  let client: Client;
  beforeAll(async () => {
    client = await Client.of(gateway.url);
    ({ token } = await client.account());
  });

  /** Starts the client with an order of a product. `says` waits for a text in its output, and `outcome` for its last line. */
  async function order(productId: string, quantity: number, host = new URL(gateway.url).host) {
    const program = blocks.get('docs/rest.md')?.find(({ mark }) => mark === 'order.mjs')?.text ?? '';
    await writeFile(join(folder, 'client.mjs'), program.replaceAll('localhost:4000', host));
    const running = spawn(process.execPath, ['client.mjs', token, productId, String(quantity)], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    running.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    const ended = once(running, 'close');
    return {
      says: (text: string) =>
        eventually(
          async () => output,
          (said) => said.includes(text),
        ),
      outcome: async () => {
        await ended;
        return output.trim().split('\n').at(-1);
      },
    };
  }

  it('waits for the outcome of an order that is accepted', async () => {
    const { id } = await client.product(token, { stock: 2 });
    const administrator = new pg.Client(system.adminUrl);
    await administrator.connect();
    try {
      await administrator.query('BEGIN');
      await administrator.query('SELECT FROM products.products WHERE id = $1 FOR NO KEY UPDATE', [id]);
      const accepted = await order(id, 2);
      await accepted.says('202 PENDING');
      await administrator.query('COMMIT');
      expect(await accepted.outcome()).toBe('201 CONFIRMED');
    } finally {
      await administrator.end();
    }
    expect(await (await order(id, 1)).outcome()).toBe('409 OUT_OF_STOCK');
  });

  it('orders once, although the reply is lost and then the service is unavailable', async () => {
    const { id } = await client.product(token, { stock: 2 });
    let calls = 0;
    const proxy = createServer(async (request, response) => {
      calls += 1;
      if (calls === 2) return response.writeHead(503).end('{"code":"SERVICE_UNAVAILABLE"}');
      const { authorization = '', 'idempotency-key': key } = request.headers;
      const reply = await client.rest('POST', '/orders', {
        token: authorization.replace('Bearer ', ''),
        body: await text(request),
        headers: { 'idempotency-key': String(key) },
      });
      if (calls === 1) return request.socket.destroy();
      return response.writeHead(reply.status).end(reply.text);
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    try {
      const { port } = z.object({ port: z.number() }).parse(proxy.address());
      const ordered = await order(id, 1, `127.0.0.1:${port}`);
      expect(await ordered.outcome()).toBe('201 CONFIRMED');
      expect(calls).toBeGreaterThan(2);
    } finally {
      proxy.close();
    }
    expect((await client.rest('GET', `/products/${id}`)).body.stock).toBe(1);
  });
});
