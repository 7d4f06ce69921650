// The laws that the replies of a race and the final product must fulfil.
import { BUYERS, type Race, UNITS } from './race.ts';

export interface Law {
  readonly law: string;
  readonly sum: string;
  readonly holds: boolean;
}

/** Checks the laws with the figures of a finished race. */
export function checkLaws({ editors, orders }: Race, end: NonNullable<Race['end']>): Law[] {
  const { confirmed, soldOut, pending, limited } = orders;
  const saved = editors.A.accepted + editors.B.accepted;
  // An order that was still pending at the end of the race may or may not have taken its unit.
  const taken = UNITS - end.stock - confirmed;
  const ofPending = pending === 0 ? '' : ` + ${taken} of ${pending} pending`;
  const answered = confirmed + soldOut + pending + limited;
  return [
    {
      law: 'No update is lost',
      sum: `${saved} saves were accepted, ${end.marks} marks are there`,
      holds: saved === end.marks,
    },
    {
      law: 'No unit is oversold',
      sum: `${UNITS} units = ${confirmed} sold${ofPending} + ${end.stock} left`,
      holds: end.stock >= 0 && taken >= 0 && taken <= pending,
    },
    {
      law: 'Every buyer has an answer',
      sum: `${confirmed} confirmed + ${soldOut} sold out + ${pending} pending + ${limited} limited = ${answered}`,
      holds: answered === BUYERS,
    },
  ];
}
