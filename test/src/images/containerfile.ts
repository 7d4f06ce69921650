// Reads the stages of a Containerfile and their instructions.
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  readonly name: string;
  /** The base stage or image, as written in the file. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

export interface Containerfile {
  /** The defaults of the arguments before the first stage. */
  readonly args: ReadonlyMap<string, string>;
  readonly stages: ReadonlyMap<string, Stage>;
}

/** @throws when a stage has no name */
export function parseContainerfile(text: string): Containerfile {
  const args = new Map<string, string>();
  const stages = new Map<string, Stage & { instructions: Instruction[] }>();
  let stage: (Stage & { instructions: Instruction[] }) | undefined;
  for (const { name, text: rest } of instructionsOf(text)) {
    if (name === 'FROM') {
      const [, from, stageName] = /^(\S+) AS (\S+)$/.exec(rest) ?? [];
      if (from === undefined || stageName === undefined)
        throw new Error(`a stage without a name: FROM ${rest}`);
      stage = { name: stageName, from, instructions: [] };
      stages.set(stageName, stage);
    } else if (stage === undefined) {
      const [key = '', value = ''] = rest.split(/=(.*)/s);
      args.set(key, value);
    } else {
      stage.instructions.push({ name, text: rest });
    }
  }
  return { args, stages };
}

/** The instructions of the stages below a stage, then its own. */
export function allInstructions({ stages }: Containerfile, name: string): Instruction[] {
  const stage = stages.get(name);
  if (stage === undefined) return [];
  return [...allInstructions({ args: new Map(), stages }, stage.from), ...stage.instructions];
}

function instructionsOf(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => {
      const [name = '', rest = ''] = line.split(/\s+(.*)/s);
      return { name, text: rest };
    });
}
