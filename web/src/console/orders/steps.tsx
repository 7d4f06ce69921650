import { useMutation } from '@apollo/client/react';
import { useState } from 'react';
import {
  AdvanceOrderDocument,
  CancelOrderDocument,
  type OrderDetailsFragment,
  OrderStatus,
} from '../../generated/operations.ts';
import { useIsStaff } from '../session/use-session.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Notice } from '../ui/notice.tsx';
import { given, problemOf } from '../ui/problem.ts';
import { type Action, useAction } from '../ui/use-action.ts';

/** The possible actions on an order in its status. Every reply contains the current order, so a conflict also updates the page. */
export function Steps({ order }: { order: OrderDetailsFragment }) {
  const isStaff = useIsStaff();
  const action = useAction();
  const [cancelling, setCancelling] = useState(false);
  const [advance] = useMutation(AdvanceOrderDocument);
  const [cancel] = useMutation(CancelOrderDocument);
  const { id, version, status } = order;
  const to = (next: OrderStatus) =>
    action.run(async () => {
      const { data } = await advance({ variables: { id, expectedVersion: version, status: next } });
      return problemOf(given(data?.advanceOrder));
    });
  const cancelWith = (reason: string) =>
    action.run(async () => {
      const { data } = await cancel({
        variables: { id, expectedVersion: version, reason: reason === '' ? null : reason },
      });
      return problemOf(given(data?.cancelOrder));
    });

  const isConfirmed = status === OrderStatus.CONFIRMED;
  const isShipped = status === OrderStatus.SHIPPED;
  if (!isConfirmed && !(isShipped && isStaff)) return null;
  return (
    <section className="card stack" aria-label="Next step">
      <h2>Next step</h2>
      <div className="actions">
        {isStaff && isConfirmed && (
          <Step text="Ship" action={action} onClick={() => to(OrderStatus.SHIPPED)} />
        )}
        {isShipped && <Step text="Deliver" action={action} onClick={() => to(OrderStatus.DELIVERED)} />}
        {isConfirmed && (
          <button type="button" className="danger" onClick={() => setCancelling(true)}>
            Cancel the order
          </button>
        )}
      </div>
      {!cancelling && <Notice kind="problem">{action.problem}</Notice>}
      {cancelling && (
        <CancelDialog
          id={id}
          needsReason={isStaff}
          action={action}
          onCancel={cancelWith}
          onClose={() => setCancelling(false)}
        />
      )}
    </section>
  );
}

function Step({ text, action, onClick }: { text: string; action: Action; onClick: () => void }) {
  return (
    <button type="button" className="primary" disabled={action.busy} onClick={onClick}>
      {text}
    </button>
  );
}

interface CancelDialogProps {
  readonly id: string;
  readonly needsReason: boolean;
  readonly action: Action;
  readonly onCancel: (reason: string) => void;
  readonly onClose: () => void;
}

function CancelDialog({ id, needsReason, action, onCancel, onClose }: CancelDialogProps) {
  const [reason, setReason] = useState('');
  return (
    <Dialog title={`Cancel order ${id}?`} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          onCancel(reason.trim());
        }}
      >
        <p>The units return to the stock. The customer can read the reason.</p>
        <label className="field">
          Reason
          <textarea
            rows={3}
            maxLength={500}
            required={needsReason}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        <Notice kind="problem">{action.problem}</Notice>
        <div className="actions">
          <button type="submit" className="danger" disabled={action.busy}>
            Cancel the order
          </button>
          <button type="button" onClick={onClose}>
            Keep it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
