import { useQuery } from '@apollo/client/react';
import { useState } from 'react';
import { Link } from 'react-router';
import { AccountState, AccountsDocument, Role, type UserFilter } from '../../generated/operations.ts';
import { Badge } from '../ui/badge.tsx';
import { Choice } from '../ui/choice.tsx';
import { errorMessage } from '../ui/error.ts';
import { Field } from '../ui/field.tsx';
import { formatTime } from '../ui/format.ts';
import { LoadMore } from '../ui/load-more.tsx';
import { Notice } from '../ui/notice.tsx';

const PAGE_SIZE = 25;

export function Component() {
  const [filter, setFilter] = useState<UserFilter>({});
  const { data, previousData, error, fetchMore } = useQuery(AccountsDocument, {
    variables: { first: PAGE_SIZE, filter },
    fetchPolicy: 'cache-and-network',
  });
  const page = (data ?? previousData)?.users;
  return (
    <>
      <title>Accounts – Holdfast</title>
      <header className="heading">
        <h1>Accounts</h1>
      </header>
      <div className="toolbar">
        <Field
          label="Name begins with"
          type="search"
          maxLength={64}
          value={filter.namePrefix ?? ''}
          onText={(text) => setFilter({ ...filter, namePrefix: text === '' ? undefined : text })}
        />
        <Choice
          label="Role"
          values={Object.values(Role)}
          value={filter.role ?? undefined}
          none="All"
          onChoose={(role) => setFilter({ ...filter, role })}
        />
        <Choice
          label="State"
          values={Object.values(AccountState)}
          value={filter.state ?? undefined}
          none="All"
          onChoose={(state) => setFilter({ ...filter, state })}
        />
      </div>
      <Notice kind="problem">{error && errorMessage(error)}</Notice>
      <div className="card rows">
        <table>
          <thead>
            <tr>
              <th>Username</th>
              <th className="short">Role</th>
              <th className="short">State</th>
              <th className="wide">E-mail</th>
              <th className="time wide">Since</th>
            </tr>
          </thead>
          <tbody>
            {page?.edges.map(({ node }) => (
              <tr key={node.id}>
                <td>
                  <Link to={`/accounts/${node.id}`}>{node.username}</Link>
                </td>
                <td>
                  <Badge of={node.role} />
                </td>
                <td>
                  <Badge of={node.state} />
                </td>
                <td className="wide">{node.email}</td>
                <td className="wide">{formatTime(node.createdAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <LoadMore
        page={page?.pageInfo}
        shown={page?.edges.length ?? 0}
        load={(after) => fetchMore({ variables: { after } })}
      />
    </>
  );
}
