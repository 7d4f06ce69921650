import { useState } from 'react';
import type { ProductDetailsFragment } from '../../generated/operations.ts';
import { formatTime } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';
import { type Draft, draftOf } from './draft.ts';
import { type Choices, type Difference, findDifferences, mergeDraft, type Side } from './three-way.ts';

interface ConflictProps {
  readonly loaded: ProductDetailsFragment;
  readonly theirs: ProductDetailsFragment;
  readonly yours: Draft;
  readonly busy: boolean;
  readonly problem: string | undefined;
  readonly onResolve: (chosen: Draft) => void;
  readonly onDiscard: () => void;
}

const SIDES: readonly { side: Side; text: string }[] = [
  { side: 'loaded', text: 'As you loaded it' },
  { side: 'theirs', text: 'Theirs, as it is now' },
  { side: 'yours', text: 'Yours' },
];

/** Two people have changed one product. For each field that differs, the user chooses one of three values. */
export function Conflict({ loaded, theirs, yours, busy, problem, onResolve, onDiscard }: ConflictProps) {
  const [choices, setChoices] = useState<Choices>({});
  const now = draftOf(theirs);
  const found = findDifferences({ loaded: draftOf(loaded), theirs: now, yours });
  const result = mergeDraft(now, found, choices);
  return (
    <form
      className="card stack conflict"
      aria-label="Conflict"
      onSubmit={(event) => {
        event.preventDefault();
        if (result !== undefined) onResolve(result);
      }}
    >
      <h2>Changed in the meantime</h2>
      <p>
        You began with version {loaded.version}; the product is at version {theirs.version} since{' '}
        {formatTime(theirs.updatedAt)}. No change was overwritten. Choose a value for each field.
      </p>
      {found.map((difference) => (
        <FieldChoice
          key={difference.field}
          difference={difference}
          disabled={busy}
          chosen={choices[difference.field] ?? difference.settled}
          onChoose={(side) => setChoices({ ...choices, [difference.field]: side })}
        />
      ))}
      <div className="actions">
        <button type="submit" className="primary" disabled={busy || result === undefined}>
          {busy ? 'Saving …' : `Save over version ${theirs.version}`}
        </button>
        <button type="button" disabled={busy} onClick={onDiscard}>
          Discard mine
        </button>
        {result === undefined && (
          <span className="muted">Choose a value for each field that both of you changed.</span>
        )}
      </div>
      <Notice kind="problem">{problem}</Notice>
    </form>
  );
}

interface FieldChoiceProps {
  readonly difference: Difference;
  readonly disabled: boolean;
  readonly chosen: Side | undefined;
  readonly onChoose: (side: Side) => void;
}

function FieldChoice({ difference, disabled, chosen, onChoose }: FieldChoiceProps) {
  const { field } = difference;
  return (
    <fieldset disabled={disabled}>
      <legend>
        {field} <small>{explain(difference)}</small>
      </legend>
      <div className="sides">
        {SIDES.map(({ side, text }) => (
          <label key={side} className={chosen === side ? 'side chosen' : 'side'}>
            <span>
              <input type="radio" name={field} checked={chosen === side} onChange={() => onChoose(side)} />
              {text}
            </span>
            <output>{difference[side] === '' ? '(empty)' : difference[side]}</output>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function explain({ theirs, yours, settled }: Difference): string {
  if (theirs === yours) return 'both of you made the same change';
  if (settled === undefined) return 'both of you changed it';
  return settled === 'theirs' ? 'only they changed it' : 'only you changed it';
}
