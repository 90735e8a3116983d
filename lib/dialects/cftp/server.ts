import { type Observable, catchError, concat, defer, ignoreElements, map, mergeMap, of, tap, throwError } from 'rxjs';
import { ProtocolError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import { receiveContent, sendContent, withLine } from '../classic/content.ts';
import { FIRST_UNPRIVILEGED_PORT, dialData, parsePort } from '../classic/data-connection.ts';
import { anArrival } from '../classic/forms.ts';
import { Line, sayApart } from '../classic/line.ts';
import { namesOf } from '../classic/listing.ts';
import { parsePath } from '../classic/path-text.ts';
import { ClassicServer, type ServerTalk, type ServerTurn } from '../classic/server.ts';
import type { OpenServerDialect } from '../dialect.ts';
import { cftpDecoder, cftpEncoder } from './content.ts';

// Clients look for the end of a listing in what one read gives them.
const LISTING_PAUSE_MS = 50;

/** Commands with the port that the client waits on, and replies in lines; content with `END` and an MD5 behind it. */
export const cftpServer: OpenServerDialect = (context) =>
  of(() => new ClassicServer({ talk, refusal: ({ message }) => `Error: ${message}\n` }, context));

const talk = (turn: ServerTurn): ServerTalk<string> => ({
  form: anArrival,
  answer: (text) => {
    const [word = '', ...rest] = text.trim().split(/ +/);
    const command = word.toUpperCase();
    if (command === 'QUIT') return undefined;
    return defer(() => perform(command, rest, turn)).pipe(
      catchError((error: unknown) => turn.line.say(`Error: ${sluiceError(error).message}\n`)),
    );
  },
});

const perform = (command: string, [name, port]: readonly string[], turn: ServerTurn): Observable<never> => {
  const { line, session } = turn;
  const succeeded = line.say(`${command} command executed successfully.\n`);
  switch (command) {
    case 'LS':
      return session.execute({ type: 'list', path: name === undefined ? [] : parsePath(name) }).pipe(
        mergeMap(namesOf),
        mergeMap((names) => {
          const words = [...(names.length > 0 ? [names.join('\n')] : []), '\nEND_OF_LS'];
          return sayApart(line, [...words, `${command} command executed successfully.\n`], LISTING_PAUSE_MS);
        }),
      );
    case 'GET':
      return concat(
        withData(turn, port, (data) => send(turn, data, name)),
        succeeded,
      );
    case 'PUT':
      return concat(
        withData(turn, port, (data) => receive(turn, data, name)),
        succeeded,
      );
    default:
      throw new ProtocolError('MESSAGE_UNKNOWN', 'unknown command');
  }
};

const send = ({ session }: ServerTurn, data: Line, name = ''): Observable<unknown> => {
  let isSending = false;
  const to = () => {
    isSending = true;
    return sendContent(data, cftpEncoder({ apart: false }));
  };
  return defer(() => session.execute({ type: 'download', path: parsePath(name), to })).pipe(
    catchError((error: unknown) => {
      const { code, message } = sluiceError(error);
      const failed$ = throwError(() => error);
      if (isSending) return failed$;
      return concat(data.say(`Error: ${code === 'NOT_FOUND' ? 'File not found' : message}`), failed$);
    }),
  );
};

const receive = ({ session }: ServerTurn, data: Line, name = ''): Observable<unknown> =>
  defer(() =>
    session.execute({ type: 'upload', path: parsePath(name), from: () => receiveContent(data, cftpDecoder()) }),
  ).pipe(tap({ error: () => data.reset() }));

/** Goes to where the client waits: its own address, and no port that needs special rights. */
const withData = (
  { line, context: { limits } }: ServerTurn,
  port = '',
  use: (data: Line) => Observable<unknown>,
): Observable<never> =>
  withLine(
    defer(() => dialData(line.peer, parsePort(port, FIRST_UNPRIVILEGED_PORT), limits.dataMs)).pipe(
      map((socket) => new Line(socket, limits.stallMs)),
    ),
    use,
  ).pipe(ignoreElements());
