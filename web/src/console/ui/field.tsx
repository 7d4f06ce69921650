import { type InputHTMLAttributes, useEffect, useId, useRef } from 'react';

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  readonly label: string;
  /** Whether this input gets the focus first. */
  readonly isFirst?: boolean;
  readonly onText: (text: string) => void;
}

/** An input with its label. */
export function Field({ label, isFirst = false, onText, ...attributes }: FieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!isFirst) return;
    input.current?.focus();
    // An opening dialog gives the focus to the element with this attribute.
    input.current?.toggleAttribute('autofocus', true);
  }, [isFirst]);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} ref={input} {...attributes} onChange={(event) => onText(event.target.value)} />
    </div>
  );
}
