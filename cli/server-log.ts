import type { Logger } from 'pino';
import { type ServerEvent, formatPath } from '../lib/index.ts';
import { display } from './display.ts';
import type { LoggedEvent } from './sum-up.ts';
import { formatBytes, formatRate, formatSeconds } from './units.ts';

interface Line {
  readonly level: 'debug' | 'info' | 'warn';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Writes what happens on a server to its log: a line a person reads, and the same as fields. Peers' text is escaped. */
export const logEvent = (logger: Logger, { event, more }: LoggedEvent): void => {
  const { level, fields, text } = lineFor(event);
  if (more === 0) logger[level](fields, text);
  else logger[level]({ ...fields, more }, `${text} (and ${more} more like it)`);
};

const lineFor = (event: ServerEvent): Line => {
  switch (event.type) {
    case 'listening': {
      const { dialect, host, port } = event;
      return info({ dialect, host, port }, `listening on ${host} port ${port} (${dialect})`);
    }
    case 'session-opened': {
      const { session, address } = event;
      return info({ session, address }, `session opened from ${address}`);
    }
    case 'session-closed': {
      const { session, address, seconds, error } = event;
      const fields = { session, address, seconds, ...(error && { code: error.code }) };
      return info(fields, `session closed${error === undefined ? '' : `: ${display(error.message)}`}`);
    }
    case 'turned-away': {
      const { address, error } = event;
      return warn({ address, code: error.code }, `turned away: ${display(error.message)}`);
    }
    case 'command':
      return commandLine(event);
    case 'transfer':
      return transferLine(event);
    case 'stopping':
      return info({}, 'stopping: no new work is taken, running transfers may end');
  }
};

// What changes nothing is asked for all the time.
const LOOKS = ['list', 'stat', 'hash', 'space'];

const commandLine = (event: Extract<ServerEvent, { type: 'command' }>): Line => {
  const { session, address, command, error } = event;
  const path = event.path === undefined ? undefined : display(formatPath(event.path));
  const outcome = error !== undefined ? 'failed' : command === 'list' ? 'begun' : 'completed';
  const fields = { session, address, command, path, outcome, ...(error && { code: error.code }) };
  const level = LOOKS.includes(command) ? 'debug' : error === undefined ? 'info' : 'warn';
  const reason = error === undefined ? '' : `: ${display(error.message)}`;
  return { level, fields, text: `${command}${path === undefined ? '' : ` ${path}`} ${outcome}${reason}` };
};

const transferLine = (event: Extract<ServerEvent, { type: 'transfer' }>): Line => {
  const { session, address, direction, bytes, seconds, outcome, error } = event;
  const path = display(formatPath(event.path));
  const rate = seconds > 0 ? bytes / seconds : 0;
  const fields = {
    session,
    address,
    direction,
    path,
    bytes,
    seconds,
    rate,
    outcome,
    ...(error && { code: error.code }),
  };
  const facts = `${direction} ${path}: ${formatBytes(bytes)} in ${formatSeconds(seconds)} (${formatRate(rate)})`;
  if (error === undefined) return info(fields, `${facts} ${outcome}`);
  return warn(fields, `${facts} failed: ${display(error.message)}`);
};

const info = (fields: Line['fields'], text: string): Line => ({ level: 'info', fields, text });

const warn = (fields: Line['fields'], text: string): Line => ({ level: 'warn', fields, text });
