import { type Observable, defer } from 'rxjs';
import type { Command, Reply, Session } from '../dialects/session.ts';
import { ConnectionError, type SluiceError } from '../errors/errors.ts';
import { reportCommand } from '../session/command-report.ts';
import { SessionCore } from '../session/session-core.ts';
import type { SessionServices } from '../session/session-services.ts';
import type { TransferReport } from '../session/transfer-report.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import type { ServerEvent } from './events.ts';

export interface SessionsOptions {
  readonly limits: AdmissionLimits;
  readonly services: SessionServices;
  readonly tell: (event: ServerEvent) => void;
}

/** The sessions of a server, counted. */
export class Sessions {
  readonly options: SessionsOptions;
  readonly places: Admission;
  #opened = 0;
  #isStopping = false;

  constructor(options: SessionsOptions) {
    this.options = options;
    this.places = new Admission(options.limits);
  }

  /** Begins a session. Throws `SERVER_FULL`, and `SERVER_STOPPING` after `stop`. */
  open(address: string): ServedSession {
    this.assertNotStopping();
    this.places.enter(address);
    return new ServedSession(this, (this.#opened += 1), address);
  }

  /** From now on no session begins, and none of them begins anything. */
  stop(): void {
    this.#isStopping = true;
  }

  assertNotStopping(): void {
    if (this.#isStopping) throw new ConnectionError('SERVER_STOPPING', 'the server is stopping and begins nothing new');
  }
}

/** One session of a server, which tells what happens in it. One object: a server holds ten thousand of them. */
export class ServedSession implements Session {
  /** Whose session it is. */
  readonly address: string;
  readonly #sessions: Sessions;
  readonly #session: number;
  readonly #core: SessionCore;
  readonly #start = performance.now();

  constructor(sessions: Sessions, session: number, address: string) {
    this.address = address;
    this.#sessions = sessions;
    this.#session = session;
    this.#core = new SessionCore(sessions.options.services, this);
    sessions.options.tell({ type: 'session-opened', session, address });
  }

  execute(command: Command): Observable<Reply> {
    return defer(() => {
      this.#sessions.assertNotStopping();
      return this.#core.execute(command);
    }).pipe(
      reportCommand(command, (report) =>
        this.#sessions.options.tell({ type: 'command', session: this.#session, address: this.address, ...report }),
      ),
    );
  }

  transferred(report: TransferReport): void {
    this.#sessions.options.tell({ type: 'transfer', session: this.#session, address: this.address, ...report });
  }

  /** To be called once, with what ended it unless the client left in order. */
  close(error: SluiceError | undefined): void {
    const { options, places } = this.#sessions;
    places.leave(this.address);
    const seconds = (performance.now() - this.#start) / 1000;
    const about = { session: this.#session, address: this.address, seconds };
    options.tell({ type: 'session-closed', ...about, ...(error && { error }) });
  }
}
