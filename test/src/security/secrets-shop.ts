// The system of secrets.test.ts. Its gateways stand behind a proxy, so that a test can come from as many addresses as it likes.
import { type Account, Client, eventually } from '../support/client.ts';
import { useShop } from '../support/shop.ts';
import { whileTestsRun } from '../support/use-system.ts';

export const { system, client, account } = useShop({ environment: { gateway: { TRUSTED_PROXIES: '1' } } });

const profileStatus = async (url: string, token: string): Promise<number> =>
  (await fetch(`${url}/profile`, { headers: { authorization: `Bearer ${token}` } })).status;

/** Its tokens have ended before the second gateway starts. */
export const early: Account = whileTestsRun(async () => {
  const ended = await client.account();
  await client.rest('POST', '/logout/everywhere', { token: ended.token });
  await eventually(
    () => profileStatus(system.url, ended.token),
    (status) => status === 401,
  );
  return ended;
});

/** The logins from one address that the second gateway lets through. */
export const LIMIT = 15;

/** The second gateway, which has limits and another users service. */
export const second = whileTestsRun(async () => {
  const users = await system.another('users');
  const { url } = await system.another('gateway', {
    RATE_LIMITS: `login=${LIMIT}/10m`,
    USERS_URL: `${users.url}/graphql`,
  });
  const statusWhenReady = await profileStatus(url, early.token);
  return { url, client: await Client.of(url), statusWhenReady };
});
