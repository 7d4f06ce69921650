import { useId } from 'react';
import { Field } from '../ui/field.tsx';
import type { Draft } from './draft.ts';

/** The inputs of a product, for the editor and for a new one. */
export function ProductFields({ draft, onChange }: { draft: Draft; onChange: (draft: Draft) => void }) {
  const description = useId();
  return (
    <>
      <Field
        label="Name"
        required
        maxLength={255}
        value={draft.name}
        onText={(name) => onChange({ ...draft, name })}
      />
      <div className="field">
        <label htmlFor={description}>Description</label>
        <textarea
          id={description}
          rows={4}
          maxLength={10_000}
          value={draft.description}
          onChange={(event) => onChange({ ...draft, description: event.target.value })}
        />
      </div>
      <div className="pair">
        <Field
          label="Price"
          required
          inputMode="decimal"
          pattern="\d{1,8}(\.\d{1,2})?"
          title="Up to eight digits, and at most two decimals, such as 19.90"
          value={draft.price}
          onText={(price) => onChange({ ...draft, price })}
        />
        <Field
          label="Stock"
          type="number"
          required
          min={0}
          max={1_000_000_000}
          step={1}
          value={draft.stock}
          onText={(stock) => onChange({ ...draft, stock })}
        />
      </div>
    </>
  );
}
