import { useApolloClient } from '@apollo/client/react';
import { useState } from 'react';
import { Link } from 'react-router';
import { Notice } from '../ui/notice.tsx';
import { useAction } from '../ui/use-action.ts';
import { checkLaws } from './laws.ts';
import { BUYERS, type EditorCount, MARKS_EACH, type Race, runRace, UNITS } from './race.ts';

/** A page that demonstrates the two promises. */
export function Component() {
  const client = useApolloClient();
  const [race, setRace] = useState<Race>();
  const action = useAction();
  const start = () =>
    action.run(async () => {
      setRace(undefined);
      await runRace(client, setRace);
      return undefined;
    });
  return (
    <>
      <title>Race – Holdfast</title>
      <header className="heading">
        <h1>Two editors, forty buyers</h1>
        <button type="button" className="primary" disabled={action.busy} onClick={start}>
          {action.busy ? 'Racing …' : 'Start the race'}
        </button>
      </header>
      <p className="lead">
        This page puts a product with {UNITS} units into the catalog. Then, all at once, {BUYERS} buyers order
        one unit each, and two editors write {MARKS_EACH} marks each into its description. No mark may be
        lost, and no more than {UNITS} units may be sold. Your browser sends six requests at a time.
      </p>
      <Notice kind="problem">{action.problem}</Notice>
      <div className="figures">
        <Editor name="A" count={race?.editors.A} />
        <Editor name="B" count={race?.editors.B} />
        <Buyers race={race} />
      </div>
      <Result race={race} />
    </>
  );
}

function Editor({ name, count = { accepted: 0, refused: 0 } }: { name: string; count?: EditorCount }) {
  return (
    <section className="card stack" aria-label={`Editor ${name}`}>
      <h2>Editor {name}</h2>
      <Bar text="saved" value={count.accepted} max={MARKS_EACH} />
      <p className="muted">{count.refused} refused because the other editor saved first, then retried</p>
    </section>
  );
}

function Buyers({ race }: { race: Race | undefined }) {
  const orders = race?.orders ?? { confirmed: 0, soldOut: 0, pending: 0, limited: 0 };
  return (
    <section className="card stack" aria-label="Buyers">
      <h2>Forty buyers</h2>
      <Bar text="confirmed" value={orders.confirmed} max={BUYERS} />
      <Bar text="refused: sold out" value={orders.soldOut} max={BUYERS} />
      {orders.pending > 0 && <Bar text="still pending" value={orders.pending} max={BUYERS} />}
      {orders.limited > 0 && (
        <p className="muted">
          {orders.limited} not let through by the limit of orders
          {race?.retryAfter !== undefined && `. Try again in ${race.retryAfter} s`}.
        </p>
      )}
    </section>
  );
}

function Bar({ text, value, max }: { text: string; value: number; max: number }) {
  return (
    <label className="bar">
      <span>{text}</span>
      <b>{value}</b>
      <progress value={value} max={max} />
    </label>
  );
}

/** The product before and after, and whether the replies agree with it. */
function Result({ race }: { race: Race | undefined }) {
  if (race?.end === undefined) return null;
  const { end, productId } = race;
  return (
    <section className="card stack" aria-label="Result">
      <h2>The result</h2>
      <table>
        <tbody>
          {checkLaws(race, end).map(({ law, sum, holds }) => (
            <tr key={law}>
              <th scope="row">{law}</th>
              <td>{sum}</td>
              <td className={holds ? 'holds' : 'broken'}>{holds ? '✓ holds' : '✗ broken'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        <Link to={`/products/${productId}`}>The product</Link>, at version {end.version}
      </p>
    </section>
  );
}
