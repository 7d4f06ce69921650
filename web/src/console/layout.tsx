import { NavLink, Outlet } from 'react-router';
import { session } from './client.ts';
import { Gate } from './session/gate.tsx';
import { useUser } from './session/use-session.ts';
import { Badge } from './ui/badge.tsx';

const PAGES = [
  { to: '/', text: 'Catalog', end: true },
  { to: '/orders', text: 'Orders' },
  { to: '/accounts', text: 'Accounts', staff: true },
  { to: '/flow', text: 'Live orders', staff: true },
  { to: '/race', text: 'Race' },
];

export function Layout() {
  return (
    <Gate>
      <Header />
      <main className="page">
        <Outlet />
      </main>
    </Gate>
  );
}

function Header() {
  const { username, role } = useUser();
  return (
    <header className="top">
      <a className="brand" href="/">
        Holdfast
      </a>
      <nav aria-label="Pages">
        {PAGES.filter(({ staff }) => !staff || role === 'STAFF').map(({ to, text, end = false }) => (
          <NavLink key={to} to={to} end={end}>
            {text}
          </NavLink>
        ))}
      </nav>
      <div className="who">
        <span>{username}</span>
        <Badge of={role} />
        <button type="button" className="quiet" onClick={() => session.signOut()}>
          Sign out
        </button>
      </div>
    </header>
  );
}
