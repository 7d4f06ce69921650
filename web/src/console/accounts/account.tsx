import { useQuery } from '@apollo/client/react';
import { Link, useParams } from 'react-router';
import { AccountDocument, type AccountQuery } from '../../generated/operations.ts';
import { Badge } from '../ui/badge.tsx';
import { errorMessage } from '../ui/error.ts';
import { formatTime, inWords } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';
import { AccountActions } from './account-actions.tsx';

export function Component() {
  const { id = '' } = useParams();
  const { data, error } = useQuery(AccountDocument, { variables: { id }, fetchPolicy: 'cache-and-network' });
  const account = data?.user;
  return (
    <>
      <title>{`${account?.username ?? 'Account'} – Holdfast`}</title>
      <header className="heading">
        <div>
          <Link to="/accounts">← Accounts</Link>
          <h1>{account?.username ?? '…'}</h1>
        </div>
        {account && <Badge of={account.state} />}
      </header>
      <Notice kind="problem">
        {error ? errorMessage(error) : account === null && 'There is no account with this id.'}
      </Notice>
      {account && (
        <div className="columns">
          <section className="card stack" aria-label="Actions of staff">
            <h2>Actions of staff</h2>
            <Trail events={data.auditEvents} />
          </section>
          <aside className="stack">
            <section className="card" aria-label="Account">
              <dl>
                <dt>E-mail</dt>
                <dd>
                  {account.email} {account.emailVerified ? '(verified)' : '(not verified)'}
                </dd>
                <dt>Role</dt>
                <dd>
                  <Badge of={account.role} />
                </dd>
                <dt>Since</dt>
                <dd>{formatTime(account.createdAt)}</dd>
                <dt>Version</dt>
                <dd>{account.version}</dd>
              </dl>
              <Link to={`/orders?user=${account.id}`}>Its orders</Link>
            </section>
            <AccountActions account={account} />
          </aside>
        </div>
      )}
    </>
  );
}

function Trail({ events }: { events: AccountQuery['auditEvents'] }) {
  if (events === null) return null;
  if (events.edges.length === 0) return <p className="muted">No actions yet.</p>;
  return (
    <ol className="history">
      {events.edges.map(({ node }) => (
        <li key={node.id}>
          <strong>{inWords(node.action)}</strong>
          <span>
            {node.newRole !== null && `to ${inWords(node.newRole)} `}
            by {node.actor?.username ?? (node.actorId === null ? 'the operator' : `account ${node.actorId}`)}
            {node.address !== null && ` from ${node.address}`}
          </span>
          <time dateTime={node.at}>{formatTime(node.at)}</time>
          {node.reason !== null && <blockquote>{node.reason}</blockquote>}
        </li>
      ))}
    </ol>
  );
}
