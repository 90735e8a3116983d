import { OptionError, type ServeOptions } from '../lib/index.ts';
import { parsePort } from './address.ts';

/** Reads `ephemeral`, `same`, one port like `5000`, or a range like `5000-5100`. */
export const parseDataPorts = (text: string): NonNullable<ServeOptions['dataPorts']> => {
  if (text === 'ephemeral' || text === 'same') return text;
  const [from = '', to = from, ...rest] = text.split('-');
  if (!/^\d/.test(text) || rest.length > 0)
    throw new OptionError(
      `data-ports must be "ephemeral", "same", a port, or a range of ports like 5000-5100, not "${text}"`,
    );
  const range = { from: parsePort(from), to: parsePort(to) };
  if (range.from < 1 || range.to < range.from) throw new OptionError(`data-ports: ${text} is not a range of ports`);
  return range;
};
