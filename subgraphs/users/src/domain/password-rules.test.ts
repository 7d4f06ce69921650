// Which passwords are refused, and that no message gives one away.

import { check } from '@holdfast/platform/validation';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type CommonPasswords, isTooLong, passwordFault, readCommonPasswords } from './password-rules.ts';
import { registrationRules } from './registration-rules.ts';

let common: CommonPasswords;
beforeAll(async () => {
  common = await readCommonPasswords();
});

describe('a password', () => {
  it.each([
    'staple battery 42 horse',
    'kq7#Lm2!xVz9',
    'the wind in october',
    'Ünïcödé-Wörter',
    '🐎🔋🖇🐘🦊🐙🦉🐳🦋🌵🍄🌙',
    'sunshine over leeds',
    `password manager made ${'x9'.repeat(5)}`,
  ])('may be %j', (password) => {
    expect(passwordFault(password, common)).toBeUndefined();
  });

  it.each([
    ['', 'got 0'],
    ['kq7#Lm2!xVz', 'got 11'],
    ['🐎🔋🖇🐘🦊🐙🦉🐳🦋🌵🍄', 'got 11'],
    ['e\u0301'.repeat(11), 'got 11'],
    [`${'kq7#Lm2!'.repeat(16)}x`, 'got 129'],
    ['x'.repeat(1_000_000), 'got more than 128'],
  ])('of the wrong length is refused (%#)', (password, came) => {
    expect(passwordFault(password, common)).toBe(`expected 12 to 128 characters, ${came}`);
  });

  it('has 12 to 128 characters, both ends included', () => {
    const letters =
      'the wind in october blows leaves over every hill and down to the quiet harbour where boats lie and nobody counts the masts at night';
    expect(passwordFault(letters.slice(0, 12), common)).toBeUndefined();
    expect(passwordFault(letters.slice(0, 128), common)).toBeUndefined();
    expect(passwordFault(letters.slice(0, 129), common)).toBe('expected 12 to 128 characters, got 129');
  });

  it.each([
    'kq7#Lm2!xVz9\u0000',
    'kq7#Lm2!\txVz9',
    'kq7#Lm2!\nxVz9',
    'kq7#Lm2!xVz9\ud83d',
    'kq7#Lm2!xVz9\u0085',
  ])('with a control character is refused (%#)', (password) => {
    expect(passwordFault(password, common)).toBe(
      'expected characters that can be typed, got a control character',
    );
  });

  it.each([
    'aaaaaaaaaaaa',
    'abababababab',
    'holdfastholdfast',
    'Tick7Tick7Tick7',
    'aabbaabbccaabb',
    '111122223333',
  ])('of one piece repeated is refused: %j', (password) => {
    expect(passwordFault(password, common)).toBe(
      'expected a password that is hard to guess, got one piece repeated',
    );
  });

  it.each([
    '123456789012',
    '098765432109',
    'abcdefghijkl',
    'qwertyuiop12',
    'qwertyuiopasdfgh',
    'ZYXWVUTSRQPO',
    'asdfghjkl123',
    'abc123def456',
  ])('that is a walk over keys or letters is refused: %j', (password) => {
    expect(passwordFault(password, common)).toBe(
      'expected a password that is hard to guess, got a row of keys or letters',
    );
  });

  it.each([
    'password1234',
    'Password123!',
    'P@ssw0rd2026!',
    'sunshine2024!',
    '!!princess99',
    '1qaz2wsx3edc',
    'Leavemealone',
    'letmein!!!!!!',
    'football-1234',
  ])('that is common, as it is or decorated, is refused: %j', (password) => {
    expect(passwordFault(password, common)).toBe(
      'expected a password that is hard to guess, got one of the most common ones',
    );
  });

  it('is judged in little time, however it is made', () => {
    const startedAt = performance.now();
    for (const piece of ['a', 'ab', 'abc', '1a', '-', '@']) {
      passwordFault(`${piece.repeat(128).slice(0, 127)}~`, common);
    }
    passwordFault('e\u0301'.repeat(128), common);
    expect(performance.now() - startedAt).toBeLessThan(200);
  });

  it('is too long to be anybody’s from 129 characters', () => {
    expect(isTooLong('é'.repeat(128))).toBe(false);
    expect(isTooLong('e\u0301'.repeat(128))).toBe(false);
    expect(isTooLong('é'.repeat(129))).toBe(true);
    expect(isTooLong('x'.repeat(10_000_000))).toBe(true);
  });
});

describe('a registration', () => {
  const good = { username: 'Ada', email: 'ada@example.com', password: 'staple battery 42 horse' };
  const faultsOf = (input: Partial<typeof good>) => {
    const checked = check(registrationRules(common), { ...good, ...input });
    return checked.ok ? [] : checked.invalid.errors;
  };
  const OWN_NAME = [
    {
      field: 'password',
      message: 'expected a password that is hard to guess, got the username or the e-mail address',
    },
  ];

  it('is good with a name, an address and a password', () => {
    expect(check(registrationRules(common), good)).toEqual({ ok: true, value: good });
  });

  it.each(['abc', '___', 'A.b-c_9', 'x'.repeat(64)])('takes the username %j', (username) => {
    expect(faultsOf({ username })).toEqual([]);
  });

  it.each(['', 'ab', 'x'.repeat(65), 'a b c', 'ada@home', 'ädä', 'ada\n', ' ada', 'a\u0000b'])(
    'refuses the username %j',
    (username) => {
      expect(faultsOf({ username }).map(({ field }) => field)).toEqual(['username']);
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
    expect(faultsOf({ email }).map(({ field }) => field)).toEqual(['email']);
  });

  it.each([
    ['ada+shop@example.com', 'ada+shop@example.com'],
    ["o'neill&sons/mail=x!#$%*?^_`{|}~@example.com", "o'neill&sons/mail=x!#$%*?^_`{|}~@example.com"],
    ['ADA@BÜCHER.Example', 'ada@xn--bcher-kva.example'],
    ['ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
    ['ada@例え.テスト', 'ada@xn--r8jz45g.xn--zckzah'],
    [`${'l'.repeat(64)}@example.com`, `${'l'.repeat(64)}@example.com`],
  ])('takes the address %s, and keeps it as %s', (email, kept) => {
    expect(check(registrationRules(common), { ...good, email })).toEqual({
      ok: true,
      value: { ...good, email: kept },
    });
  });

  it('counts an address’s characters, in the form that is kept', () => {
    const domain = `@${'d'.repeat(63)}.${'e'.repeat(63)}.${'f'.repeat(50)}.example.com`;
    const local = 'l'.repeat(254 - domain.length);
    expect(faultsOf({ email: local + domain })).toEqual([]);
    expect(faultsOf({ email: `l${local}${domain}` })).toEqual([
      { field: 'email', message: 'expected at most 254 characters, got 255' },
    ]);
  });

  it('refuses the username or the address as the password, in any case', () => {
    expect(faultsOf({ username: 'Ada-of-Lovelace', password: 'aDA-OF-lovelace' })).toEqual(OWN_NAME);
    expect(faultsOf({ password: 'ADA@example.com' })).toEqual(OWN_NAME);
  });

  it('does so also beside another fault', () => {
    const faults = faultsOf({
      username: 'not a username',
      email: 'Ada.L@Example.com',
      password: 'ada.l@example.COM',
    });
    expect(faults.map(({ field }) => field)).toEqual(['username', 'password']);
  });

  it('never says the password', () => {
    for (const password of [
      'secret',
      'secretsecretsecret',
      'Sunshine9999',
      'secret\u0000secret!!',
      'secret'.repeat(99),
    ]) {
      const faults = faultsOf({ password });
      expect(faults).toHaveLength(1);
      expect(JSON.stringify(faults).toLowerCase()).not.toContain(password.slice(0, 6).toLowerCase());
    }
  });
});
