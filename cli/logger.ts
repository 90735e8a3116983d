import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

/**
 * The server's log on standard error: JSON lines for programs, readable lines on a terminal. Written at once, because
 * the last lines before a crash are the ones that matter.
 */
export const createLogger = (level: string): Logger => {
  const destination = process.stderr.isTTY
    ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', hideObject: true, translateTime: 'SYS:HH:MM:ss' })
    : pino.destination({ dest: 2, sync: true });
  return pino({ level }, destination);
};
