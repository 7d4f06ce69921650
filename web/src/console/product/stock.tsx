import { useMutation } from '@apollo/client/react';
import { useState } from 'react';
import { AdjustStockDocument } from '../../generated/operations.ts';
import { Field } from '../ui/field.tsx';
import { formatCount } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';
import { given, problemOf } from '../ui/problem.ts';
import { useAction } from '../ui/use-action.ts';
import { useIntentKey } from '../ui/use-intent-key.ts';

/** The stock, with a form to add or take units. This change is relative, so it needs no version and cannot conflict. */
export function Stock({ id, stock }: { id: string; stock: number }) {
  const [units, setUnits] = useState('1');
  const key = useIntentKey();
  const [adjust] = useMutation(AdjustStockDocument);
  const action = useAction();
  const change = (sign: 1 | -1) =>
    action.run(async () => {
      const delta = sign * Number(units);
      const { data } = await adjust({ variables: { id, delta, idempotencyKey: key.of(`${delta}`) } });
      const result = given(data?.adjustStock);
      key.settle();
      return problemOf(result);
    });
  const usable = Number.isInteger(Number(units)) && Number(units) > 0;
  return (
    <section className="card stack" aria-label="Stock">
      <h2>Stock</h2>
      <p className="figure" data-testid="stock">
        {formatCount(stock)}
      </p>
      <div className="inline">
        <Field label="Units" type="number" min={1} value={units} onText={setUnits} />
        <button type="button" disabled={action.busy || !usable} onClick={() => change(1)}>
          Add
        </button>
        <button type="button" disabled={action.busy || !usable} onClick={() => change(-1)}>
          Take
        </button>
      </div>
      <Notice kind="problem">{action.problem}</Notice>
    </section>
  );
}
