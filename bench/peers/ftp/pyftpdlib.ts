import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { missingPrograms } from '../../programs/find-program.ts';
import { serveProgram } from '../../programs/serve-program.ts';
import { FTP_USER, type FtpServer } from './ftp-server.ts';

// The one of the system first: it is the one for which Debian has the package.
const PYTHONS = ['/usr/bin/python3', 'python3'];

// It takes its password from the environment, where other users cannot read it.
const PROGRAM = `
import os, sys, logging
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
logging.basicConfig(level=logging.WARNING)
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_user(sys.argv[1], os.environ["FTP_PASSWORD"], sys.argv[2], perm="elradfmw")
FTPServer(("127.0.0.1", int(sys.argv[3])), FTPHandler).serve_forever()
`;

/** pyftpdlib with its defaults: one process, which sends files by sendfile where it can. */
export const pyftpdlib: FtpServer = {
  name: 'pyftpdlib',
  missing: async () =>
    (await missingPrograms('python3')) ??
    ((await findPython()) === undefined ? 'pyftpdlib is not installed' : undefined),
  serve: (task, signal) =>
    serveProgram(task, signal, async ({ port, password }) => ({
      file: (await findPython()) ?? 'python3',
      args: ['-W', 'ignore', '-c', PROGRAM, FTP_USER, task.folder, String(port)],
      env: { FTP_PASSWORD: password },
    })),
};

const findPython = async (): Promise<string | undefined> => {
  for (const python of PYTHONS)
    try {
      await promisify(execFile)(python, ['-W', 'ignore', '-c', 'import pyftpdlib']);
      return python;
    } catch {
      // Not there, or not for this one.
    }
  return undefined;
};
