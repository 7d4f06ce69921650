import { useMutation } from '@apollo/client/react';
import { useState } from 'react';
import {
  type AccountDetailsFragment,
  AccountDocument,
  ChangeRoleDocument,
  DisableAccountDocument,
  EnableAccountDocument,
  EndSessionsDocument,
  Role,
} from '../../generated/operations.ts';
import { Field } from '../ui/field.tsx';
import { Notice } from '../ui/notice.tsx';
import { given, problemOf } from '../ui/problem.ts';
import { useAction } from '../ui/use-action.ts';

/** The actions of staff on an account. Each is a compare-and-swap on the account's version, except the end of its sessions. */
export function AccountActions({ account }: { account: AccountDetailsFragment }) {
  const [reason, setReason] = useState('');
  const trail = { refetchQueries: [AccountDocument] };
  const [changeRole] = useMutation(ChangeRoleDocument, trail);
  const [disable] = useMutation(DisableAccountDocument, trail);
  const [enable] = useMutation(EnableAccountDocument, trail);
  const [endSessions] = useMutation(EndSessionsDocument, trail);
  const action = useAction();
  const seen = { userId: account.id, expectedVersion: account.version };
  const otherRole = account.role === Role.STAFF ? Role.CUSTOMER : Role.STAFF;
  const isActive = account.state === 'ACTIVE';

  /** Clears the reason after the action has succeeded. After a problem the reason stays, so that the user can send it again. */
  const written = (problem: string | undefined) => {
    if (problem === undefined) setReason('');
    return problem;
  };
  const setRole = () =>
    action.run(async () => {
      const { data } = await changeRole({ variables: { ...seen, role: otherRole } });
      return problemOf(given(data?.changeRole));
    });
  const setState = () =>
    action.run(async () => {
      const variables = { ...seen, reason };
      const result = isActive
        ? given((await disable({ variables })).data?.disableAccount)
        : given((await enable({ variables })).data?.enableAccount);
      return written(problemOf(result));
    });
  const end = () =>
    action.run(async () => {
      const { data } = await endSessions({ variables: { userId: account.id, reason } });
      return written(problemOf(given(data?.endSessions)));
    });

  return (
    <>
      <section className="card stack" aria-label="Role">
        <h2>Role</h2>
        <button type="button" disabled={action.busy} onClick={setRole}>
          {otherRole === Role.STAFF ? 'Make it staff' : 'Make it a customer'}
        </button>
      </section>
      <form
        className="card stack"
        aria-label="Access"
        onSubmit={(event) => {
          event.preventDefault();
          void setState();
        }}
      >
        <h2>Access</h2>
        <Field label="Reason, for the trail" required maxLength={500} value={reason} onText={setReason} />
        <div className="actions">
          <button type="submit" className={isActive ? 'danger' : 'primary'} disabled={action.busy}>
            {isActive ? 'Disable' : 'Enable'}
          </button>
          <button type="button" disabled={action.busy || reason === ''} onClick={end}>
            End its sessions
          </button>
        </div>
        <Notice kind="problem">{action.problem}</Notice>
      </form>
    </>
  );
}
