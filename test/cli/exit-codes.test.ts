import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EXIT, exitCodeOf } from '../../cli/exit-codes.ts';
import {
  CancelledError,
  ConnectionError,
  ERROR_CODES,
  type ErrorCode,
  FileError,
  InternalError,
  LimitError,
  OptionError,
  ProtocolError,
  RemoteError,
  TimeoutError,
  UnsupportedError,
  VerificationError,
} from '../../lib/index.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('EXIT', () => {
  it('keeps the numbers that scripts rely on', () =>
    assert.deepEqual(EXIT, {
      done: 0,
      failed: 1,
      usage: 2,
      connection: 3,
      login: 4,
      notFound: 5,
      refused: 6,
      verification: 7,
      localFile: 8,
      timeout: 9,
      interrupted: 130,
    }));
});

describe('exitCodeOf', () => {
  const remote = (code: ErrorCode) => new RemoteError(code, 'said the server');
  const local = (code: ErrorCode) => new FileError(code, 'on this machine');

  for (const { what, error, code } of [
    { what: 'a defect', error: new InternalError('oops'), code: 1 },
    { what: 'an error of nobody', error: new TypeError('oops'), code: 1 },
    { what: 'something thrown that is no error', error: 'oops', code: 1 },
    { what: 'broken protocol', error: new ProtocolError('FRAME_TOO_LARGE', ''), code: 1 },
    { what: 'a wrong option', error: new OptionError(''), code: 2 },
    { what: 'a refused connection', error: new ConnectionError('CONNECT_FAILED', ''), code: 3 },
    { what: 'an unknown host', error: new ConnectionError('HOST_NOT_FOUND', ''), code: 3 },
    { what: 'a lost connection', error: new ConnectionError('CLOSED_EARLY', ''), code: 3 },
    { what: 'a connection that nobody answers', error: new TimeoutError('CONNECT_TIMEOUT', ''), code: 3 },
    { what: 'a server that stops', error: remote('SERVER_STOPPING'), code: 3 },
    { what: 'a missing remote file', error: remote('NOT_FOUND'), code: 5 },
    { what: 'a missing local file', error: local('NOT_FOUND'), code: 5 },
    { what: 'a remote folder in place of a file', error: remote('NOT_A_FILE'), code: 6 },
    { what: 'an existing remote file', error: remote('EXISTS'), code: 6 },
    { what: 'an existing local file', error: local('EXISTS'), code: 6 },
    { what: 'a remote permission', error: remote('PERMISSION_DENIED'), code: 6 },
    { what: 'a file in use', error: remote('BUSY'), code: 6 },
    { what: 'a full server', error: new LimitError('SERVER_FULL', ''), code: 6 },
    { what: 'a full remote disk', error: remote('NO_SPACE'), code: 6 },
    { what: 'a path that is no path', error: local('PATH_INVALID'), code: 6 },
    { what: 'something that is not there yet', error: new UnsupportedError(''), code: 6 },
    { what: 'a wrong digest', error: new VerificationError('DIGEST_MISMATCH', ''), code: 7 },
    { what: 'a wrong length', error: remote('SIZE_MISMATCH'), code: 7 },
    { what: 'a source that changed', error: local('SOURCE_CHANGED'), code: 7 },
    { what: 'a full local disk', error: local('NO_SPACE'), code: 8 },
    { what: 'a local permission', error: local('PERMISSION_DENIED'), code: 8 },
    { what: 'a local folder in place of a file', error: local('NOT_A_FILE'), code: 8 },
    { what: 'a local file that cannot be written', error: local('WRITE_FAILED'), code: 8 },
    { what: 'a stall', error: new TimeoutError('STALLED', ''), code: 9 },
    { what: 'an idle session', error: remote('IDLE_TIMEOUT'), code: 9 },
    { what: "this user's Ctrl-C", error: new CancelledError(), code: 130 },
    { what: 'a cancellation on the server', error: remote('CANCELLED'), code: 1 },
  ])
    it(`tells the shell ${code} for ${what}`, () => assert.equal(exitCodeOf(error), code));

  it('calls no failure a success, whatever its code and whoever raised it', () => {
    for (const code of ERROR_CODES)
      for (const error of [remote(code), local(code)])
        assert.ok(Object.values<number>(EXIT).includes(exitCodeOf(error)) && exitCodeOf(error) > 0, code);
  });
});
