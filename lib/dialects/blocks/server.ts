import { EMPTY, type Observable, catchError, concat, defer, map, mergeMap, of, throwError } from 'rxjs';
import { OptionError, ProtocolError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import { listen } from '../../net/listen.ts';
import type { RemotePath } from '../../protocol/path.ts';
import { exactly, rawEncoder, receiveContent, sayContent, sendContent } from '../classic/content.ts';
import { FIRST_UNPRIVILEGED_PORT, ownPorts, parsePort } from '../classic/data-connection.ts';
import { aParagraph } from '../classic/forms.ts';
import { type Line, within } from '../classic/line.ts';
import { nameLines, namesOf } from '../classic/listing.ts';
import { parsePath } from '../classic/path-text.ts';
import { withAwaitedData } from '../classic/server-data.ts';
import { ClassicServer, type ServerTalk, type ServerTurn } from '../classic/server.ts';
import type { OpenServerDialect } from '../dialect.ts';

/** Messages of lines up to an empty one; the client picks the port, and its requests travel on the data connection. */
export const blocksServer: OpenServerDialect = (context) =>
  defer(() => {
    const ports = ownPorts('blocks', context.dataPorts);
    const assertAllowed = (port: number): void => {
      if (ports !== 'ephemeral' && (port < ports.from || port > ports.to))
        throw new OptionError(`data ports here are those from ${ports.from} to ${ports.to}`);
    };
    const open = (text: string, turn: ServerTurn): Observable<never> => {
      const { line } = turn;
      const excuse = (message: string) => line.say(errorText(message));
      return defer(() => {
        const port = parsePort(text, FIRST_UNPRIVILEGED_PORT);
        assertAllowed(port);
        const listener$ = listen({ host: context.host, port });
        const announce = () => line.say(`OPENED ${port}\n\n`);
        return withAwaitedData(turn, { listener$, announce, excuse }, (data) => serveRequest(turn, data));
      }).pipe(catchError((error: unknown) => excuse(sluiceError(error).message)));
    };
    const talk = (turn: ServerTurn): ServerTalk<readonly string[]> => ({
      form: aParagraph,
      answer: ([first = '']) => {
        const [word = '', port = ''] = first.split(' ');
        if (/^(quit|exit)$/i.test(word)) return undefined;
        return /^open$/i.test(word) ? open(port, turn) : turn.line.say(errorText('unknown message'));
      },
    });
    return of(() => new ClassicServer({ talk, refusal: ({ message }) => errorText(message) }, context));
  });

const errorText = (message: string): string => `ERROR ${message}\n\n`;

/** The request on a data connection. One that fails breaks it off, for its end would say that all is well. */
const serveRequest = (turn: ServerTurn, data: Line): Observable<unknown> => {
  let isSending = false;
  return data.take(aParagraph).pipe(
    within(data.stallMs),
    mergeMap((lines) => perform(turn, data, lines, () => (isSending = true))),
    catchError((error: unknown) => {
      const { code, message } = sluiceError(error);
      const failed$ = throwError(() => error);
      // A client that has broken it off itself expects no word about it.
      const isTold = !isSending && code !== 'CLOSED_EARLY' && code !== 'STALLED';
      return concat(isTold ? turn.line.say(errorText(message)) : EMPTY, failed$);
    }),
  );
};

const perform = (
  { session }: ServerTurn,
  data: Line,
  [first = '', ...fields]: readonly string[],
  onSending: () => void,
): Observable<unknown> => {
  const [, word = '', folder = ''] = /^(\w+) ?(.*)$/.exec(first) ?? [];
  switch (word.toUpperCase()) {
    case 'LS':
      return session.execute({ type: 'list', path: folderPath(folder) }).pipe(
        mergeMap(namesOf),
        map(nameLines),
        mergeMap((text) => sayContent(data, rawEncoder, text)),
      );
    case 'GET': {
      const to = () => (onSending(), sendContent(data, rawEncoder));
      return session.execute({ type: 'download', path: parsePath(field(fields, 'FILENAME')), to });
    }
    case 'PUT': {
      const size = Number(field(fields, 'FILESIZE', /^\d{1,15}$/));
      const from = () => receiveContent(data, exactly(size));
      return session.execute({ type: 'upload', path: parsePath(field(fields, 'FILENAME')), from, size });
    }
    default:
      throw new ProtocolError('MESSAGE_UNKNOWN', 'unknown request');
  }
};

const folderPath = (text: string): RemotePath => (['', '.', '/'].includes(text) ? [] : parsePath(text));

/** What stands behind a name and a colon in one of the lines. */
const field = (lines: readonly string[], name: string, form = /./): string => {
  const start = `${name}:`;
  const line = lines.find((text) => text.toUpperCase().startsWith(start));
  const value = line?.slice(start.length).trim() ?? '';
  if (!form.test(value)) throw new ProtocolError('MESSAGE_INVALID', `the request has no usable ${name}`);
  return value;
};
