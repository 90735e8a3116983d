import type { Logger } from 'pino';
import { type ServerEvent, formatPath } from '../lib/index.ts';
import { display } from './display.ts';
import { formatBytes, formatRate, formatSeconds } from './units.ts';

/** Writes what happens on a server to its log: a line a person reads, and the same as fields. Peers' text is escaped. */
export const logEvent = (logger: Logger, event: ServerEvent): void => {
  switch (event.type) {
    case 'listening':
      return logListening(logger, event);
    case 'session-opened':
      return logger.info({ session: event.session, address: event.address }, `session opened from ${event.address}`);
    case 'session-closed':
      return logSessionClosed(logger, event);
    case 'turned-away':
      return logger.warn(
        { address: event.address, code: event.error.code },
        `turned away: ${display(event.error.message)}`,
      );
    case 'command':
      return logCommand(logger, event);
    case 'transfer':
      return logTransfer(logger, event);
    case 'stopping':
      return logger.info('stopping: no new work is taken, running transfers may end');
  }
};

const logListening = (logger: Logger, { dialect, host, port }: Extract<ServerEvent, { type: 'listening' }>): void => {
  logger.info({ dialect, host, port }, `listening on ${host} port ${port} (${dialect})`);
};

const logSessionClosed = (
  logger: Logger,
  { session, address, seconds, error }: Extract<ServerEvent, { type: 'session-closed' }>,
): void => {
  const fields = { session, address, seconds, ...(error && { code: error.code }) };
  logger.info(fields, `session closed${error === undefined ? '' : `: ${display(error.message)}`}`);
};

// What changes nothing is asked for all the time.
const LOOKS = ['list', 'stat', 'hash', 'space'];

const logCommand = (logger: Logger, event: Extract<ServerEvent, { type: 'command' }>): void => {
  const { session, address, command, error } = event;
  const path = event.path === undefined ? undefined : display(formatPath(event.path));
  const outcome = error !== undefined ? 'failed' : command === 'list' ? 'begun' : 'completed';
  const fields = { session, address, command, path, outcome, ...(error && { code: error.code }) };
  const level = LOOKS.includes(command) ? 'debug' : error === undefined ? 'info' : 'warn';
  const reason = error === undefined ? '' : `: ${display(error.message)}`;
  logger[level](fields, `${command}${path === undefined ? '' : ` ${path}`} ${outcome}${reason}`);
};

const logTransfer = (logger: Logger, event: Extract<ServerEvent, { type: 'transfer' }>): void => {
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
  if (error === undefined) logger.info(fields, `${facts} ${outcome}`);
  else logger.warn(fields, `${facts} failed: ${display(error.message)}`);
};
