import { Observable, Subscription, throwError, timeout } from 'rxjs';
import { ProtocolError, TimeoutError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import { availableDigests } from '../../operators/digest.ts';
import type { ClientDialect } from '../dialect.ts';
import { ClientSession } from './client-session.ts';
import { ControlChannel, connectionLost } from './control-channel.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { PROTOCOL_VERSION, type Welcome, decodeWelcome, remoteError } from './messages.ts';

export interface NativeClientOptions {
  /** Who waits for data connections: the server, or this side where only it can be reached. @default 'server' */
  readonly listener?: 'server' | 'client' | undefined;
  /** Name and version of the client program, as told to the server. */
  readonly agent: string;
  /** Milliseconds to wait for the server's hello, and for a data connection. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds without a word or a byte from the server after which it counts as gone. @default 60 000 */
  readonly stallMs?: number | undefined;
}

const PINGS_PER_STALL = 3;

/** The native protocol (docs/protocol.md), client side. */
export const nativeClient =
  ({
    listener = 'server',
    agent,
    timeoutMs = DEFAULT_LIMITS.helloMs,
    stallMs = DEFAULT_LIMITS.stallMs,
  }: NativeClientOptions): ClientDialect =>
  (socket) =>
    new Observable((subscriber) => {
      const { controlFrame, dataFrame, dataMs } = DEFAULT_LIMITS;
      const quietMs = stallMs / PINGS_PER_STALL;
      // Replies are dealt with in the turn they come in; only pongs on their way out are held.
      const control = new ControlChannel(socket, { maxPayload: controlFrame, maxHeld: 1, quietMs, stallMs });
      const alive = new Subscription();
      let session: ClientSession | undefined;

      const greet = (payload: Buffer) => {
        const { digest, limits } = assertWelcome(payload);
        const begun = new ClientSession(control, {
          digestName: digest,
          pulseLimits: { quietMs, stallMs, restMs: Infinity },
          listener,
          maxFrame: Math.min(dataFrame, limits.dataFrame),
          dataMs,
        });
        session = begun;
        alive.add(control.keepAlive(() => begun.ping$).subscribe({ error: end }));
        subscriber.next(begun);
      };
      const end = (error: unknown) => {
        session?.fail(sluiceError(error));
        subscriber.error(error);
      };

      const reading = control.payload$.pipe(timeout({ first: timeoutMs, with: () => noHello(timeoutMs) })).subscribe({
        next: (payload) => {
          try {
            if (session === undefined) greet(payload);
            else session.hear(payload);
          } catch (error) {
            end(error);
          }
        },
        error: end,
        complete: () => end(connectionLost()),
      });
      const greeting = control
        .send({ type: 'hello', version: PROTOCOL_VERSION, agent, digests: availableDigests() })
        .subscribe({ error: end });
      return () => {
        alive.unsubscribe();
        reading.unsubscribe();
        greeting.unsubscribe();
        session?.close();
        control.close();
      };
    });

const noHello = (timeoutMs: number): Observable<never> =>
  throwError(() => new TimeoutError('HELLO_TIMEOUT', `the server said no hello within ${timeoutMs / 1000} s`));

const assertWelcome = (payload: Buffer): Welcome => {
  const welcome = decodeWelcome(payload);
  if (welcome.type === 'error') throw remoteError(welcome);
  if (welcome.version !== PROTOCOL_VERSION)
    throw new ProtocolError(
      'VERSION_MISMATCH',
      `the server speaks protocol version ${welcome.version}, this client ${PROTOCOL_VERSION}`,
    );
  if (welcome.login === 'required')
    throw new ProtocolError('VERSION_MISMATCH', 'the server wants a login, which this version cannot do');
  return welcome;
};
