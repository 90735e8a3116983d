import { OptionError } from './errors.ts';

/** The longest wait of a timer; a longer one would end at once. */
const MAX_MILLISECONDS = 2 ** 31 - 1;

/** Throws `OPTION_INVALID` unless a timer can wait that long. */
export const checkMilliseconds = (name: string, value: number): void => {
  if (!(value > 0 && value <= MAX_MILLISECONDS))
    throw new OptionError(`${name} must be above 0 and at most ${MAX_MILLISECONDS} milliseconds, not ${value}`);
};
