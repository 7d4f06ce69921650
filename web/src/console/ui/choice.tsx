import { useId } from 'react';
import { inWords } from './format.ts';

interface ChoiceProps<Value extends string> {
  readonly label: string;
  readonly values: readonly Value[];
  readonly value: Value | undefined;
  /** The text for no value. Without it, a value is always chosen. */
  readonly none?: string;
  readonly textOf?: (value: Value) => string;
  readonly onChoose: (value: Value | undefined) => void;
}

/** A select with its label. */
export function Choice<Value extends string>(props: ChoiceProps<Value>) {
  const { label, values, value, none, textOf = inWords, onChoose } = props;
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value ?? ''}
        onChange={(event) => onChoose(values.find((known) => known === event.target.value))}
      >
        {none !== undefined && <option value="">{none}</option>}
        {values.map((known) => (
          <option key={known} value={known}>
            {textOf(known)}
          </option>
        ))}
      </select>
    </div>
  );
}
