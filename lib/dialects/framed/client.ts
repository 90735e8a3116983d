import { type Observable, concat, map, mergeMap } from 'rxjs';
import { RemoteError } from '../../errors/errors.ts';
import { frameForm } from '../../net/take-frame.ts';
import { encodeFrame } from '../../protocol/frame-header.ts';
import {
  PURPOSE,
  assertPlainUpload,
  classicClient,
  endUpload,
  receiveDownload,
  refusedWhereBroken,
  sendUpload,
  takeInTime,
  unsupported,
} from '../classic/client.ts';
import { stillThere } from '../classic/still-there.ts';
import { receiveContent, receiveText, withLine } from '../classic/content.ts';
import { dialData, parsePort } from '../classic/data-connection.ts';
import { MAX_TEXT, decodeText, understood } from '../classic/forms.ts';
import { Line } from '../classic/line.ts';
import { listingReply, parseListingOrError } from '../classic/listing.ts';
import { pathText } from '../classic/path-text.ts';
import { saidError } from '../classic/remote-text.ts';
import type { ClientContext } from '../dialect.ts';
import type { Command, Reply } from '../session.ts';
import { framedDecoder, framedEncoder } from './content.ts';

/** Every message and every content in frames of ten digits; data connections to the server. */
export const framedClient = classicClient((line, context) => ({
  execute: (command) => execute(command, line, context),
  quit: () => line.say(encodeFrame('quit')),
}));

const execute = (command: Command, line: Line, context: ClientContext): Observable<Reply> => {
  switch (command.type) {
    case 'list':
      return withLine(
        openData(command.path.length > 0 ? `ls ${pathText(command.path)}` : 'ls', line, context),
        (data) => receiveText(data, framedDecoder(noAnswer)).pipe(map(parseListingOrError), mergeMap(listingReply)),
      );
    case 'download':
      return withLine(openData('get', line, context), (data) =>
        concat(
          data.say(encodeFrame(pathText(command.path))),
          receiveDownload(command, receiveContent(data, framedDecoder(noAnswer), { meant$: stillThere(line) })),
        ),
      );
    case 'upload':
      assertPlainUpload('framed', command);
      return withLine(openData('put', line, context), (data) =>
        concat(
          data.say(encodeFrame(pathText(command.path))),
          sendUpload(command, data, framedEncoder(command.size), endUpload(data, context.timeoutMs)),
        ).pipe(refusedWhereBroken()),
      );
    default:
      throw unsupported('framed', PURPOSE[command.type]);
  }
};

const noAnswer = (): never => {
  throw new RemoteError('NOT_FOUND', 'the server sent nothing: it has no such file, or will not give it');
};

/** Says a command, and goes where the server then waits. */
const openData = (words: string, line: Line, { timeoutMs }: ClientContext): Observable<Line> =>
  concat(line.say(encodeFrame(words)), takeInTime(line, understood(frameForm(MAX_TEXT), decodeText), timeoutMs)).pipe(
    map((reply) => {
      if (/^error/i.test(reply)) throw saidError(reply);
      return parsePort(reply.trim());
    }),
    mergeMap((port) => dialData(line.peer, port, timeoutMs)),
    map((socket) => new Line(socket, line.stallMs)),
  );
