// Which passwords are refused, and that no message gives one away.
import { setImmediate } from 'node:timers/promises';
import { createLogger } from '@holdfast/platform/observability/log';
import { check } from '@holdfast/platform/validation';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isTooLong, passwordError } from './password-rules.ts';
import { createPasswordStrength, type PasswordStrength } from './password-strength.ts';
import { type Names, registrationRules } from './registration-rules.ts';

const log = createLogger('users', 'silent');
const good = { username: 'Ada', email: 'ada@example.com', password: 'staple battery 42 horse' };

const MAX_WAITING = 6;
let strength: PasswordStrength;
beforeAll(() => {
  strength = createPasswordStrength({ maxWaiting: MAX_WAITING, log });
});
afterAll(() => strength.close());

/** The strength of a thread that runs this code for each message. */
const strengthOf = (code: string): PasswordStrength => {
  const text = `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { ${code} });`;
  const thread = new URL(`data:text/javascript,${encodeURIComponent(text)}`);
  return createPasswordStrength({ maxWaiting: MAX_WAITING, log, thread });
};

const errorOf = (password: string, names: Names) => strength.findWeakness(password, names, []);

describe('a password', () => {
  it.each([
    'staple battery 42 horse',
    'kq7#Lm2!xVz9',
    'the wind in october',
    'Ünïcödé-Wörter',
    '🐎🔋🖇🐘🦊🐙🦉🐳🦋🌵🍄🌙',
    'sunshine over leeds',
    `password manager made ${'x9'.repeat(5)}`,
  ])('may be %j', async (password) => {
    expect(passwordError(password)).toBeUndefined();
    expect(await errorOf(password, good)).toBeUndefined();
  });

  it.each([
    ['', 'got 0'],
    ['kq7#Lm2!xVz', 'got 11'],
    ['🐎🔋🖇🐘🦊🐙🦉🐳🦋🌵🍄', 'got 11'],
    ['e\u0301'.repeat(11), 'got 11'],
    [`${'kq7#Lm2!'.repeat(16)}x`, 'got 129'],
    ['x'.repeat(1_000_000), 'got more than 128'],
  ])('of the wrong length is refused (%#)', (password, came) => {
    expect(passwordError(password)).toBe(`expected 12 to 128 characters, ${came}`);
  });

  it('has 12 to 128 characters, both ends included', () => {
    const letters =
      'the wind in october blows leaves over every hill and down to the quiet harbour where boats lie and nobody counts the masts at night';
    expect(passwordError(letters.slice(0, 12))).toBeUndefined();
    expect(passwordError(letters.slice(0, 128))).toBeUndefined();
    expect(passwordError(letters.slice(0, 129))).toBe('expected 12 to 128 characters, got 129');
  });

  it.each([
    'kq7#Lm2!xVz9\u0000',
    'kq7#Lm2!\txVz9',
    'kq7#Lm2!\nxVz9',
    'kq7#Lm2!xVz9\ud83d',
    'kq7#Lm2!xVz9\u0085',
  ])('with a control character is refused (%#)', (password) => {
    expect(passwordError(password)).toBe('expected characters that can be typed, got a control character');
  });

  it.each([
    ['aaaaaaaaaaaa', 'Repeated characters like "aaa" are easy to guess.'],
    ['Tick7Tick7Tick7', 'Repeated character patterns like "abcabcabc" are easy to guess.'],
    ['ZYXWVUTSRQPO', 'Common character sequences like "abc" are easy to guess.'],
    ['123456789012', 'This is a commonly used password.'],
    ['qwertyuiopasdfgh', 'This is similar to a commonly used password.'],
    ['P@ssw0rd2026!', 'This is similar to a commonly used password.'],
    ['sunshine2024!', 'This is similar to a commonly used password.'],
    ['liverpoolfc1', 'This is similar to a commonly used password.'],
    ['letmeinplease', 'This is similar to a commonly used password.'],
    ['admin1234567', 'This is similar to a commonly used password.'],
    ['holdfast2026!', 'There should not be any personal or page related data.'],
    ['Holdfast-2026', 'There should not be any personal or page related data.'],
    ['grace-hopper-1906', 'There should not be any personal or page related data.'],
  ])('that is easy to guess is refused, and it is said why: %j', async (password, why) => {
    const names = { username: 'grace-hopper', email: 'grace@example.com' };
    expect(await errorOf(password, names)).toMatch(
      `expected a password that is hard to guess. ${why} Add more words that are less common.`,
    );
  });

  it('is judged off the event loop, and in bounded time, however it is made', async () => {
    await errorOf('the first takes the time to load', good);
    const hostile = ['p@$$w0rd', '4@8({[</369&#!1/|0$5+7%2', '1!|iIlL', '01021999', 'a', '1'].map((piece) =>
      piece.repeat(128).slice(0, 127).concat('~'),
    );
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const startedAt = performance.now();
    await Promise.all(hostile.map((password) => errorOf(password, good)));
    clearInterval(timer);
    const ms = performance.now() - startedAt;
    // Unbounded, each of them takes a second or more.
    expect(ms / hostile.length).toBeLessThan(500);
    expect(turns).toBeGreaterThan(ms / 20);
  });

  it('waits for one that is estimated while there is room', async () => {
    const asked = await Promise.allSettled(
      Array.from({ length: MAX_WAITING + 3 }, () => errorOf('staple battery 42 horse', good)),
    );
    expect(asked.map(({ status }) => status)).toEqual([
      ...Array(1 + MAX_WAITING).fill('fulfilled'),
      ...Array(2).fill('rejected'),
    ]);
  });

  it('is too long from 129 characters', () => {
    expect(isTooLong('é'.repeat(128))).toBe(false);
    expect(isTooLong('e\u0301'.repeat(128))).toBe(false);
    expect(isTooLong('é'.repeat(129))).toBe(true);
    expect(isTooLong('x'.repeat(10_000_000))).toBe(true);
  });
});

describe('the thread that judges passwords', () => {
  const refusal = { code: 'SERVICE_UNAVAILABLE' };

  it.each([
    ['fails', 'throw new Error("broken")'],
    ['ends', 'process.exit()'],
  ])('may be one that %s: the password is refused, and the next one gets another thread', async (_, code) => {
    const strength = strengthOf(code);
    for (const password of [good.password, good.password])
      await expect(strength.findWeakness(password, good, [])).rejects.toMatchObject(refusal);
    await strength.close();
  });

  it('is closed while it judges a password and another waits, which are refused', async () => {
    const strength = strengthOf('');
    const judge = () => expect(strength.findWeakness(good.password, good, [])).rejects.toMatchObject(refusal);
    const both = [judge(), judge()];
    // By then the thread has the first password.
    await setImmediate();
    await strength.close();
    await Promise.all(both);
  });
});

describe('a registration', () => {
  const good = { username: 'Ada', email: 'ada@example.com', password: 'staple battery 42 horse' };
  const errorsOf = (input: Partial<typeof good>) => {
    const checked = check(registrationRules(undefined), { ...good, ...input });
    return checked.ok ? [] : checked.invalid.errors;
  };

  it('is good with a name, an address and a password', () => {
    expect(check(registrationRules(undefined), good)).toEqual({ ok: true, value: good });
  });

  it.each(['abc', '___', 'A.b-c_9', 'x'.repeat(64)])('takes the username %j', (username) => {
    expect(errorsOf({ username })).toEqual([]);
  });

  it.each(['', 'ab', 'x'.repeat(65), 'a b c', 'ada@home', 'ädä', 'ada\n', ' ada', 'a\u0000b'])(
    'refuses the username %j',
    (username) => {
      expect(errorsOf({ username }).map(({ field }) => field)).toEqual(['username']);
    },
  );

  it.each([
    '',
    'ada',
    'ada@',
    '@example.com',
    'a b@example.com',
    'ada@example',
    'ada@example.com, bob@example.com',
    'ada@exam\u0000ple.com',
    `${'l'.repeat(65)}@example.com`,
    'ädä@example.com',
    '"ada lovelace"@example.com',
    '.ada@example.com',
    'ada..l@example.com',
    'ada@exa%6dple.com',
    'ada@127.0.0.1',
    'ada@[127.0.0.1]',
    'ada@-example.com',
    'Ada <ada@example.com>',
  ])('refuses the address %j', (email) => {
    expect(errorsOf({ email }).map(({ field }) => field)).toEqual(['email']);
  });

  it.each([
    ['ada+shop@example.com', 'ada+shop@example.com'],
    ["o'neill&sons/mail=x!#$%*?^_`{|}~@example.com", "o'neill&sons/mail=x!#$%*?^_`{|}~@example.com"],
    ['ADA@BÜCHER.Example', 'ada@xn--bcher-kva.example'],
    ['ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
    ['ada@例え.テスト', 'ada@xn--r8jz45g.xn--zckzah'],
    [`${'l'.repeat(64)}@example.com`, `${'l'.repeat(64)}@example.com`],
  ])('takes the address %s, and keeps it as %s', (email, kept) => {
    expect(check(registrationRules(undefined), { ...good, email })).toEqual({
      ok: true,
      value: { ...good, email: kept },
    });
  });

  it('counts an address’s characters, in the form that is kept', () => {
    const domain = `@${'d'.repeat(63)}.${'e'.repeat(63)}.${'f'.repeat(50)}.example.com`;
    const local = 'l'.repeat(254 - domain.length);
    expect(errorsOf({ email: local + domain })).toEqual([]);
    expect(errorsOf({ email: `l${local}${domain}` })).toEqual([
      { field: 'email', message: 'expected at most 254 characters, got 255' },
    ]);
  });

  it('refuses the username or the address as the password, in any letter case, also a long one', async () => {
    const own = 'expected a password that is hard to guess, got the username or the e-mail address';
    const email = 'a-rather-long-name.of-somebody@shops.example.com';
    expect(await errorOf('aDA-OF-lovelace', { ...good, username: 'Ada-of-Lovelace' })).toBe(own);
    expect(await errorOf(email.toUpperCase(), { ...good, email })).toBe(own);
  });

  it('never says the password', async () => {
    for (const password of [
      'secret',
      'secretsecretsecret',
      'Sunshine9999',
      'secret\u0000secret!!',
      'secret'.repeat(99),
    ]) {
      const guessable = await errorOf(password, good);
      const checked = check(registrationRules(guessable), { ...good, password });
      const errors = checked.ok ? [] : checked.invalid.errors;
      expect(errors).toHaveLength(1);
      expect(JSON.stringify(errors).toLowerCase()).not.toContain(password.slice(0, 6).toLowerCase());
    }
  });
});
