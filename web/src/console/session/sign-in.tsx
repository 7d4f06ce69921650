import { useState } from 'react';
import { DEMO_CLERK, DEMO_CUSTOMER, hasDemo } from '../../shared/offers.ts';
import { session } from '../client.ts';
import { Field } from '../ui/field.tsx';
import { Notice } from '../ui/notice.tsx';
import { useAction } from '../ui/use-action.ts';

const DEMO_ACCOUNTS = [
  { label: 'Demo clerk (staff)', ...DEMO_CLERK },
  { label: 'Demo customer', ...DEMO_CUSTOMER },
];

/** The form to sign in. `again` is the username of a session that has ended. */
export function SignIn({ again }: { again?: string }) {
  const [username, setUsername] = useState(again ?? '');
  const [password, setPassword] = useState('');
  const action = useAction();
  const signIn = (name: string, secret: string) => action.run(() => session.signIn(name, secret));
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void signIn(username, password);
      }}
    >
      <Field
        label="Username or e-mail"
        autoComplete="username"
        required
        isFirst={again === undefined}
        value={username}
        onText={setUsername}
      />
      <Field
        label="Password"
        type="password"
        autoComplete="current-password"
        required
        isFirst={again !== undefined}
        value={password}
        onText={setPassword}
      />
      <button type="submit" className="primary" disabled={action.busy}>
        {action.busy ? 'Signing in …' : 'Sign in'}
      </button>
      <Notice kind="problem">{action.problem}</Notice>
      {again === undefined && hasDemo && (
        <div className="demo">
          <span>With the demo data:</span>
          {DEMO_ACCOUNTS.map((demo) => (
            <button
              type="button"
              key={demo.username}
              disabled={action.busy}
              onClick={() => signIn(demo.username, demo.password)}
            >
              {demo.label}
            </button>
          ))}
        </div>
      )}
    </form>
  );
}
