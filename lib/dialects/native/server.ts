import type { Socket } from 'node:net';
import {
  EMPTY,
  type Observable,
  ReplaySubject,
  catchError,
  defer,
  finalize,
  map,
  of,
  switchMap,
  takeUntil,
  throwError,
} from 'rxjs';
import { ConnectionError, ProtocolError, type SluiceError, TimeoutError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import { listen } from '../../net/listen.ts';
import { takeFrame } from '../../net/take-frame.ts';
import { followedBy } from '../../operators/followed-by.ts';
import { type DigestName, availableDigests } from '../../operators/digest.ts';
import { unlessSilent } from '../../operators/unless-silent.ts';
import { assertUnchanged } from '../../protocol/message-check.ts';
import { type DataPorts, isOnePort } from '../data-ports.ts';
import type { OpenServerDialect, ServerDialect, SessionHost } from '../dialect.ts';
import { ControlChannel } from './control-channel.ts';
import { type AwaitPeers, SharedPort, awaitOnOwnPort, isToken, openDataPort } from './data-connections.ts';
import type { ConversationLimits } from '../limits.ts';
import { type Hello, type Message, PROTOCOL_VERSION, decodeHello, errorMessage } from './messages.ts';
import { PortsAhead } from './ports-ahead.ts';
import { ServerConversation } from './server-conversation.ts';

/** The native protocol (docs/protocol.md), server side. A data port for all transfers serves all ports that speak it. */
export const nativeServer: OpenServerDialect = ({ host, dataPorts, transfers, agent, limits }) =>
  peersOn(host, dataPorts, limits.dataMs).pipe(
    map((awaitPeers) => {
      const aheadOn = dataPorts === 'ephemeral' ? host : undefined;
      return (port) => new NativeServer({ port, awaitPeers, aheadOn, transfers, agent, limits });
    }),
  );

/** How transfers wait for their peers; undefined where these come to the port of the control connections. */
const peersOn = (host: string, ports: DataPorts, dataMs: number): Observable<AwaitPeers | undefined> => {
  if (ports === 'same') return of(undefined);
  return isOnePort(ports)
    ? openDataPort(listen({ host, port: ports.from }), dataMs).pipe(map(({ awaitPeers }) => awaitPeers))
    : of(awaitOnOwnPort(host, ports, dataMs));
};

interface NativeServerOptions {
  /** Port of the control connections. */
  readonly port: number;
  /** How a transfer waits for its peer; undefined where data connections come to `port`. */
  readonly awaitPeers: AwaitPeers | undefined;
  /** Address on which sessions open a fresh port ahead of each transfer; undefined where they have none of their own. */
  readonly aheadOn: string | undefined;
  /** Transfers that a session may run at once, as told to the client. */
  readonly transfers: number;
  /** Name and version of the server program, as told to the client. */
  readonly agent: string;
  readonly limits: ConversationLimits;
}

/** One listening port that speaks the native protocol. */
class NativeServer implements ServerDialect {
  readonly takesData: boolean;
  readonly #options: NativeServerOptions;
  readonly #limits: ConversationLimits;
  readonly #sharedPort = new SharedPort();
  readonly #awaitPeers: AwaitPeers;
  readonly #conversations = new Set<ServerConversation>();
  readonly #stopping$ = new ReplaySubject<void>(1);

  constructor(options: NativeServerOptions) {
    const { port, awaitPeers, limits } = options;
    this.#options = options;
    this.#limits = limits;
    this.takesData = awaitPeers === undefined;
    this.#awaitPeers = awaitPeers ?? this.#sharedPort.awaitOn(port, limits.dataMs);
  }

  converse(socket: Socket, host: SessionHost): Observable<never> {
    // Made when it begins, so that nothing of the wait for a first frame is held while the session lasts.
    return defer(() => this.#firstFrame(socket)).pipe(
      followedBy(({ payload, checked }) => {
        if (isToken(payload)) return this.#deliver(payload.toString('latin1'), socket);
        return this.#greet(payload, socket, this.#channel(socket, checked), host);
      }),
    );
  }

  refuse(socket: Socket, reason: SluiceError): void {
    sayLast(this.#channel(socket, false), reason);
  }

  stop(): void {
    this.#stopping$.next();
    for (const conversation of this.#conversations) conversation.part();
  }

  #firstFrame(socket: Socket): Observable<{ payload: Buffer; checked: boolean }> {
    const { helloFrame, helloMs } = this.#limits;
    return takeFrame(socket, helloFrame).pipe(
      unlessSilent(helloMs, () => new TimeoutError('HELLO_TIMEOUT', `no hello came within ${helloMs / 1000} s`)),
      // A connection that may yet show the token of a running transfer is waited for.
      unlessStopping(this.#stopping$.pipe(switchMap(() => this.#sharedPort.idle$))),
      map((payload) => ({ payload, checked: assertUnchanged(payload) })),
      catchError((error: unknown) => this.#turnAway(socket, sluiceError(error))),
    );
  }

  #greet(payload: Buffer, socket: Socket, control: ControlChannel, host: SessionHost): Observable<never> {
    try {
      return this.#closing(this.#begin(digestFor(decodeHello(payload)), control, host), socket, control);
    } catch (error) {
      return this.#turnAway(socket, sluiceError(error), control);
    }
  }

  #begin(digestName: DigestName, control: ControlChannel, host: SessionHost): Observable<never> {
    return host.withSession((session) => {
      const { aheadOn } = this.#options;
      const ahead = aheadOn === undefined ? undefined : new PortsAhead(aheadOn, this.#limits.dataMs);
      const options = { control, awaitPeers: this.#awaitPeers, ahead, digestName, limits: this.#limits };
      const conversation = new ServerConversation(session, options);
      this.#conversations.add(conversation);
      say(control, this.#welcome(digestName));
      return conversation.run().pipe(finalize(() => this.#conversations.delete(conversation)));
    });
  }

  #closing(conversation$: Observable<never>, socket: Socket, control: ControlChannel): Observable<never> {
    return conversation$.pipe(
      catchError((error: unknown) => this.#turnAway(socket, sluiceError(error), control)),
      finalize(() => control.close()),
    );
  }

  #welcome(digest: DigestName) {
    const { controlFrame, dataFrame, commands, page } = this.#limits;
    return {
      type: 'hello',
      version: PROTOCOL_VERSION,
      agent: this.#options.agent,
      digest,
      login: 'none',
      limits: { controlFrame, dataFrame, commands, page, transfers: this.#options.transfers },
    } as const;
  }

  #deliver(token: string, socket: Socket): Observable<never> {
    if (this.#sharedPort.deliver(token, socket)) return EMPTY;
    socket.destroy();
    return throwError(() => new ConnectionError('TOKEN_INVALID', 'a data connection came with an unknown token'));
  }

  /** Says why, where somebody is still there to hear it, and closes. */
  #turnAway(socket: Socket, reason: SluiceError, control = this.#channel(socket, false)): Observable<never> {
    if (reason.code === 'CLOSED_EARLY') socket.destroy();
    else sayLast(control, reason);
    return throwError(() => reason);
  }

  #channel(socket: Socket, checked: boolean): ControlChannel {
    const { controlFrame, commands, quietMs, stallMs } = this.#limits;
    return new ControlChannel(socket, { maxPayload: controlFrame, maxHeld: commands, checked, quietMs, stallMs });
  }
}

const sayLast = (control: ControlChannel, reason: SluiceError): void => {
  say(control, errorMessage(reason));
  control.close();
};

/** A word that cannot be sent is lost with its connection, and the connection's reader sees that. */
const say = (control: ControlChannel, message: Message): void => {
  control.send(message).subscribe({ error: () => undefined });
};

/** A connection without a hello has nothing that could be waited for. */
const unlessStopping = (stopping$: Observable<unknown>) =>
  takeUntil<Buffer>(
    stopping$.pipe(
      map(() => {
        throw new ConnectionError('SERVER_STOPPING', 'the server is stopping and begins nothing new');
      }),
    ),
  );

/** Throws `VERSION_MISMATCH` where client and server cannot speak with each other. */
const digestFor = ({ version, digests }: Hello): DigestName => {
  if (version < PROTOCOL_VERSION)
    throw new ProtocolError(
      'VERSION_MISMATCH',
      `this server speaks protocol version ${PROTOCOL_VERSION}, the client only ${version}`,
    );
  const digest = availableDigests().find((name) => digests.includes(name));
  if (digest === undefined)
    throw new ProtocolError(
      'VERSION_MISMATCH',
      `client and server share no digest (here: ${availableDigests().join()})`,
    );
  return digest;
};
