import {
  type Observable,
  asapScheduler,
  catchError,
  concat,
  defer,
  map,
  mergeMap,
  observeOn,
  of,
  retry,
  take,
  throwError,
  throwIfEmpty,
  timeout,
} from 'rxjs';
import { ProtocolError, RemoteError, SluiceError } from '../../errors/errors.ts';
import { listen } from '../../net/listen.ts';
import {
  PURPOSE,
  assertPlainUpload,
  classicClient,
  endUpload,
  receiveDownload,
  refusedWhereBroken,
  sendUpload,
  sizeOf,
  takeInTime,
  unsupported,
} from '../classic/client.ts';
import { stillThere } from '../classic/still-there.ts';
import { rawEncoder, receiveContent, receiveText, untilEnd, withLine } from '../classic/content.ts';
import { dialData } from '../classic/data-connection.ts';
import { aParagraph } from '../classic/forms.ts';
import { Line } from '../classic/line.ts';
import { listingReply, parseListing } from '../classic/listing.ts';
import { pathText } from '../classic/path-text.ts';
import { saidError } from '../classic/remote-text.ts';
import type { ClientContext } from '../dialect.ts';
import type { Command, Reply } from '../session.ts';

// The number is free on this machine, which says nothing about the server's.
const PORT_TRIES = 5;

// The reason for a broken data connection comes on the other one, if it comes.
const REASON_MS = 500;

/** Messages of lines up to an empty one; this side picks the port that the server then waits on. */
export const blocksClient = classicClient((line, context) => ({
  execute: (command) => execute(command, line, context),
  quit: () => line.say('QUIT\n\n'),
}));

const execute = (command: Command, line: Line, context: ClientContext): Observable<Reply> => {
  const request = (words: string, use: (data: Line) => Observable<Reply>): Observable<Reply> =>
    withLine(openData(line, context), (data) => concat(data.say(words), use(data))).pipe(withReason(line));
  switch (command.type) {
    case 'list':
      return request(`LS ${pathText(command.path) || '.'}\n\n`, (data) =>
        receiveText(data, untilEnd()).pipe(map(parseListing), mergeMap(listingReply)),
      );
    case 'download':
      return request(`GET\nFILENAME: ${pathText(command.path)}\n\n`, (data) =>
        receiveDownload(command, receiveContent(data, untilEnd(), { meant$: stillThere(line) })),
      );
    case 'upload': {
      assertPlainUpload('blocks', command);
      const size = sizeOf('blocks', command);
      return request(`PUT\nFILENAME: ${pathText(command.path)}\nFILESIZE: ${size}\n\n`, (data) =>
        sendUpload(command, data, rawEncoder, endUpload(data, context.timeoutMs)),
      ).pipe(refusedWhereBroken());
    }
    default:
      throw unsupported('blocks', PURPOSE[command.type]);
  }
};

/** A data connection on a port that is free here; another one where the server cannot open that. */
const openData = (line: Line, { timeoutMs }: ClientContext): Observable<Line> =>
  freePort(line.ownAddress).pipe(
    mergeMap((port) => concat(line.say(`OPEN ${port}\n\n`), takeInTime(line, aParagraph, timeoutMs))),
    map(([reply = '']) => {
      const [, opened] = /^OPENED (\d{1,5})$/.exec(reply) ?? [];
      if (opened !== undefined) return Number(opened);
      if (reply.startsWith('ERROR')) throw saidError(reply);
      throw new ProtocolError('MESSAGE_INVALID', `the server answered OPEN with ${JSON.stringify(reply)}`);
    }),
    retry({ count: PORT_TRIES - 1, delay: afterRefusal }),
    mergeMap((port) => dialData(line.peer, port, timeoutMs)),
    map((socket) => new Line(socket, line.stallMs)),
  );

const afterRefusal = (error: unknown): Observable<unknown> =>
  error instanceof RemoteError ? of(undefined) : throwError(() => error);

const freePort = (host: string): Observable<number> =>
  listen({ host, port: 0 }).pipe(
    take(1),
    map(({ port }) => port),
    // It is closed again only when this turn is over.
    observeOn(asapScheduler),
  );

/** Asks the control connection why a data connection broke. */
const withReason = (line: Line) =>
  catchError<Reply, Observable<Reply>>((error: unknown) => {
    const failed$ = defer(() => throwError(() => error));
    if (!(error instanceof SluiceError && error.code === 'CLOSED_EARLY')) return failed$;
    return line.take(aParagraph).pipe(
      timeout({ first: REASON_MS, with: () => failed$ }),
      throwIfEmpty(() => error),
      map(([reason = '']) => {
        throw saidError(reason, 'WRITE_FAILED');
      }),
    );
  });
