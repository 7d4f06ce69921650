import { type InputHTMLAttributes, type ReactNode, useId } from 'react';

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly onText: (text: string) => void;
}

/** An input with its label. */
export function Field({ label, hint, onText, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} {...input} onChange={(event) => onText(event.target.value)} />
      {hint !== undefined && <small>{hint}</small>}
    </div>
  );
}
