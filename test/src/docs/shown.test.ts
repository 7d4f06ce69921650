// The comparison of the replies in documents with the received ones: it ignores the parts that are left open, and no others.
import { describe, expect, it } from '@jest/globals';
import { expectHttp, expectJson, expectText, type Names } from './shown.ts';

const json =
  (shown: string, came: unknown, names: Names = new Map()) =>
  () =>
    expectJson(shown, JSON.stringify(came), names);

describe('JSON that is shown', () => {
  const product = { id: 7, name: 'Kettle', tags: ['red', 'steel'], at: '2026-11-27T10:00:00Z' };

  it.each([
    '{ "id": …, "name": "Kettle", "tags": ["red", …], "at": "2026-…" }',
    '{ "name": "K…le", … }',
    '{ "tags": […], … }',
    '{ … }',
  ])('%s leaves open what it does not show', (shown) => {
    expect(json(shown, product)).not.toThrow();
  });

  it.each([
    '{ "id": 8, … }',
    '{ "id": "7", … }',
    '{ "name": "K…s", … }',
    '{ "id": …, "name": "Kettle" }',
    '{ "tags": ["red"], … }',
    '{ "tags": ["steel", …], … }',
    '{ "tags": ["red", "steel", "round", …], … }',
    '{ "price": …, … }',
    '[ … ]',
  ])('%s is not what came', (shown) => {
    expect(json(shown, product)).toThrow();
  });

  it('names a value, which is the same from there on', () => {
    const names: Names = new Map();
    expect(json('{ "id": "$PRODUCT" }', { id: '7' }, names)).not.toThrow();
    expect(names).toEqual(new Map([['PRODUCT', '7']]));
    expect(json('{ "productId": "$PRODUCT" }', { productId: 7 }, names)).not.toThrow();
    expect(json('{ "id": "$PRODUCT" }', { id: '8' }, names)).toThrow();
    expect(json('{ "id": "$ORDER" }', {}, names)).toThrow();
  });
});

describe('replies that are shown', () => {
  const came =
    'HTTP/1.1 200 OK\r\netag: "2"\r\ndate: now\r\n\r\n{"version":2}HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n';
  const http = (shown: string) => () => expectHttp(shown, came, new Map());

  it.each([
    'HTTP/1.1 200 OK\nETag: "2"\n\n{ "version": 2 }\n\nHTTP/1.1 204 No Content\n',
    'HTTP/1.1 200 OK\nDate: …\n\nHTTP/1.1 204 No Content\n',
  ])('need not have every field', (shown) => expect(http(shown)).not.toThrow());

  it.each([
    'HTTP/1.1 200 OK\n',
    'HTTP/1.1 201 Created\n\nHTTP/1.1 204 No Content\n',
    'HTTP/1.1 200 OK\nETag: "3"\n\nHTTP/1.1 204 No Content\n',
    'HTTP/1.1 200 OK\n\n{ "version": 3 }\n\nHTTP/1.1 204 No Content\n',
    'HTTP/1.1 200 OK\n\nHTTP/1.1 204 No Content\n\n{ … }\n',
  ])('are as many, with that status, those fields and that body', (shown) => expect(http(shown)).toThrow());
});

it('compares a text line by line, but for what is left open', () => {
  expect(() => expectText('ready on …\nbye', 'ready on 4000\nbye\n')).not.toThrow();
  expect(() => expectText('ready on …', 'not ready')).toThrow();
  expect(() => expectText('1.5', '115')).toThrow();
});
