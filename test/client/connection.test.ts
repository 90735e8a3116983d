import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY, NEVER, Observable, Subject, lastValueFrom, of } from 'rxjs';
import { Connection } from '../../lib/client/connection.ts';
import type { RemoteSession } from '../../lib/dialects/dialect.ts';
import { CancelledError, ConnectionError, SluiceError } from '../../lib/index.ts';
import { turns, unexpected } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

/** A server that hands out sessions when the test says so. */
class Server {
  /** How often somebody came. */
  opened = 0;
  /** How often somebody left, or was left. */
  closed = 0;
  readonly sessions: RemoteSession[] = [];
  #greet: () => void = () => undefined;
  #refuse: (error: SluiceError) => void = () => undefined;
  #lose: (error: SluiceError) => void = () => undefined;
  #part: () => void = () => undefined;

  readonly open = (): Observable<RemoteSession> =>
    new Observable((subscriber) => {
      this.opened += 1;
      const ended = new Subject<never>();
      const session: RemoteSession = { execute: () => NEVER, quit: () => EMPTY, ended$: ended.asObservable() };
      this.#refuse = (error) => subscriber.error(error);
      this.#part = () => ended.complete();
      this.#lose = (error) => {
        ended.error(error);
        subscriber.error(error);
      };
      this.#greet = () => {
        this.sessions.push(session);
        subscriber.next(session);
      };
      return () => (this.closed += 1);
    });

  greet(): void {
    this.#greet();
  }

  refuse(): void {
    this.#refuse(new ConnectionError('CONNECT_FAILED', 'nobody there'));
  }

  lose(error: SluiceError = new ConnectionError('CLOSED_EARLY', 'lost')): void {
    this.#lose(error);
  }

  part(): void {
    this.#part();
  }
}

const connect = async (): Promise<{ server: Server; connection: Connection }> => {
  const server = new Server();
  const opening = Connection.open(server.open);
  server.greet();
  return { server, connection: await opening };
};

/** What became of an observable so far. */
const fate = (stream$: Observable<unknown>) => {
  const seen = { end: 'none' };
  stream$.subscribe({
    error: (error: unknown) => (seen.end = error instanceof SluiceError ? error.code : 'no typed error'),
    complete: () => (seen.end = 'complete'),
  });
  return seen;
};

describe('Connection', () => {
  it('rejects when there is no first session', async () => {
    const server = new Server();
    const opening = Connection.open(server.open);
    server.refuse();
    await failsWith('CONNECT_FAILED', opening);
  });

  it('gives the session that is there, and opens no other', async () => {
    const { server, connection } = await connect();
    assert.equal(connection.session, server.sessions[0]);
    assert.equal(await connection.restored(), server.sessions[0]);
    assert.equal(server.opened, 1);
    connection.close();
  });

  it('opens a lost session anew, once for all who ask', async () => {
    const { server, connection } = await connect();
    connection
      .kept()(NEVER)
      .subscribe({ error: () => undefined });
    server.lose();
    const asked = [connection.restored(), connection.restored()];
    server.greet();
    const sessions = await Promise.all([...asked, connection.restored()]);
    assert.deepEqual(new Set(sessions), new Set([server.sessions[1]]));
    assert.equal(connection.session, server.sessions[1]);
    assert.deepEqual([server.opened, server.closed], [2, 1]);
    connection.close();
  });

  it('tries again after a try that failed', async () => {
    const { server, connection } = await connect();
    server.lose();
    const refused = connection.restored();
    server.refuse();
    await failsWith('CONNECT_FAILED', refused);
    const restored = connection.restored();
    server.greet();
    assert.equal(await restored, server.sessions[1]);
    connection.close();
  });

  it('tells its end at once when nobody would restore it, and completes after a farewell', async () => {
    const lost = await connect();
    const end = fate(lost.connection.ended$);
    lost.server.lose();
    assert.equal(end.end, 'CLOSED_EARLY');
    const left = await connect();
    left.server.part();
    assert.equal(fate(left.connection.ended$).end, 'complete');
    left.connection.close();
  });

  it('holds the end back while a transfer may restore it, and tells it when the last one has given up', async () => {
    const { server, connection } = await connect();
    const end = fate(connection.ended$);
    const running = [1, 2].map(() => connection.kept()(NEVER).subscribe({ error: unexpected }));
    server.lose();
    running[0]?.unsubscribe();
    assert.equal(end.end, 'none');
    running[1]?.unsubscribe();
    assert.equal(end.end, 'CLOSED_EARLY');
  });

  it('has not ended when the session was restored', async () => {
    const { server, connection } = await connect();
    const end = fate(connection.ended$);
    const running = connection.kept()(NEVER).subscribe({ error: unexpected });
    server.lose();
    const restored = connection.restored();
    server.greet();
    await restored;
    running.unsubscribe();
    assert.equal(end.end, 'none');
    connection.close();
  });

  it('passes on what it keeps', async () => {
    const { connection } = await connect();
    assert.equal(await lastValueFrom(of(1, 2).pipe(connection.kept())), 2);
    connection.close();
  });

  it('ends what it keeps when it is closed: running, waiting for a session, or yet to come', async () => {
    const { server, connection } = await connect();
    const end = fate(connection.ended$);
    server.lose();
    const reopening = fate(new Observable(() => void connection.restored()).pipe(connection.kept()));
    const waiting = fate(NEVER.pipe(connection.kept()));
    await turns(2);
    assert.equal(server.opened, 2);
    connection.close();
    connection.close();
    assert.equal(connection.isClosed, true);
    assert.deepEqual([reopening.end, waiting.end, end.end], ['CLOSED_EARLY', 'CLOSED_EARLY', 'CLOSED_EARLY']);
    assert.equal(fate(NEVER.pipe(connection.kept())).end, 'CLOSED_EARLY');
    await failsWith('CLOSED_EARLY', connection.restored());
    assert.equal(server.closed, 2);
  });

  it('is closed for good when its user’s signal cancels it', async () => {
    const { server, connection } = await connect();
    server.lose(new CancelledError('cancelled'));
    assert.equal(connection.isClosed, true);
    await failsWith('CLOSED_EARLY', connection.restored());
    assert.equal(server.opened, 1);
  });
});
