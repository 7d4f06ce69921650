// Ids that no user, product or order has.

/** A valid id of a user, a product or an order, which the sequences of a test never reach. */
export const UNKNOWN_ID = '2147483647';

/** Texts that are not valid ids, among them other spellings of a number. */
export const NO_IDS = [
  '0',
  '01',
  '-1',
  '+1',
  '1.0',
  '1e3',
  '0x1',
  ' 1',
  '1\n',
  '١',
  '',
  'NaN',
  '9223372036854775808',
  '9'.repeat(400),
  '01890a5d-ac96-774b-bcce-b302099a8057',
] as const;

/** Texts that are not valid ids of users and products, whose greatest id is smaller than that of orders. */
export const NO_SMALL_IDS = [...NO_IDS, '2147483648', '9007199254740991'] as const;
