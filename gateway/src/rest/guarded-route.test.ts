// How often a conditional write is tried. test/src/contract/conditions.test.ts holds what the conditions mean.
import type { User } from '@holdfast/platform/auth/viewer';
import { unreadRequest } from '@holdfast/platform/http/request';
import { expect, it } from '@jest/globals';
import { nothingReceived } from '../federation/reply-sizes.ts';
import type { AnyVariables, Operation } from './operation.ts';
import { REST_ROUTES } from './rest.ts';

const isReply = <Data>(_: unknown): _ is Data => true;
const VIEWER: User = { kind: 'user', id: 1, role: 'CUSTOMER' };

/** Deletes a product that another writer changes before each try. */
async function deleteBusyProduct(ifMatch: string) {
  let currentVersion = 1;
  const tried: unknown[] = [];
  const execute = async <Data, Variables extends AnyVariables>(
    _: Operation<Data, Variables>,
    variables: Variables,
  ): Promise<Data> => {
    if ('expectedVersion' in variables) {
      tried.push(variables['expectedVersion']);
      currentVersion += 1;
    }
    const deleteProduct = { __typename: 'VersionConflict', currentVersion };
    const reply: unknown = { current: { version: currentVersion }, deleteProduct };
    if (!isReply<Data>(reply)) throw new Error('unreachable');
    return reply;
  };
  const request = {
    ...unreadRequest(),
    headers: { 'if-match': ifMatch },
    check: async () => ({ body: undefined, query: {} }),
  };
  const caller = { request, address: '', viewer: VIEWER, userId: 1, counts: [], received: nothingReceived() };
  const route = REST_ROUTES.find(({ description }) => description.schema.operationId === 'deleteProduct');
  return { tried, answer: await route?.run({ request, id: '7', caller, execute }) };
}

it('the star is tried with the current version ten times, then the caller receives the conflict', async () => {
  const { tried, answer } = await deleteBusyProduct('*');
  expect(tried).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(answer).toMatchObject({ code: 'VERSION_CONFLICT', members: { current_version: 11 } });
});

it('one tag is tried once', async () => {
  const { tried, answer } = await deleteBusyProduct('"1"');
  expect(tried).toEqual([1]);
  expect(answer).toMatchObject({ code: 'PRECONDITION_FAILED', members: { current_version: 2 } });
});
