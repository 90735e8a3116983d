import { resolve } from 'node:path';
import { type Client, ConnectionError, type RemotePath, SluiceError, resolvePath } from '../../lib/index.ts';
import type { ServerAddress } from '../address.ts';
import { type SessionFlags, openSession } from '../connection.ts';
import { errorLine } from '../reporter.ts';
import { Jobs } from './jobs.ts';
import type { TransferWork } from './transfer-commands.ts';

/**
 * Where a prompt stands: which server it talks to, and the working folders there and here. Both belong to the prompt:
 * the server knows none, and the process's own folder stays.
 */
export class PromptSession {
  remoteFolder: RemotePath = [];
  localFolder = process.cwd();
  readonly jobs = new Jobs<TransferWork>();
  /** Told what happens beside the commands: that the connection was lost, or is there again. */
  onNotice: (text: string) => void = (text) => process.stderr.write(`${text}\n`);
  readonly #flags: SessionFlags;
  #client: Client | undefined;
  #address: ServerAddress | undefined;

  constructor(flags: SessionFlags) {
    this.#flags = flags;
  }

  /** The server in use, or the one that was lost. */
  get address(): ServerAddress | undefined {
    return this.#address;
  }

  get isConnected(): boolean {
    return this.#client !== undefined;
  }

  /** Opens a session with a server. Its loss is told at once, and the next command tries again. */
  async connect(address: ServerAddress, signal?: AbortSignal): Promise<void> {
    const client = await this.#open(address, signal);
    if (this.#address?.host !== address.host || this.#address.port !== address.port) this.remoteFolder = [];
    this.#client = client;
    this.#address = address;
    client.ended$.subscribe({
      error: (error: unknown) => {
        if (this.#client !== client) return;
        this.#client = undefined;
        this.onNotice(errorLine(error));
      },
    });
  }

  /** The signal is one line's: it may cancel connecting, and has no say in the session that comes of it. */
  async #open(address: ServerAddress, signal?: AbortSignal): Promise<Client> {
    const connecting = new AbortController();
    const cancel = () => connecting.abort();
    signal?.addEventListener('abort', cancel);
    try {
      return await openSession(address, this.#flags, connecting.signal);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** The session; connects anew if it was lost. Errors with `CLOSED_EARLY` where there is no server to talk to. */
  async client(signal: AbortSignal): Promise<Client> {
    if (this.#client === undefined && this.#address !== undefined) {
      await this.connect(this.#address, signal);
      this.onNotice('connected again');
    }
    if (this.#client === undefined)
      throw new ConnectionError('CLOSED_EARLY', 'not connected: say connect HOST [PORT] first');
    return this.#client;
  }

  /** Takes leave of the server and forgets it. */
  async disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#address = undefined;
    this.remoteFolder = [];
    try {
      await client?.quit();
    } catch (error) {
      // A server that is gone cannot be left politely.
      if (!(error instanceof SluiceError)) throw error;
    }
  }

  /** The remote path that a word means from the working folder. */
  remotePath(word: string): RemotePath {
    return resolvePath(word, this.remoteFolder);
  }

  /** The local path that a word means from the local working folder. */
  localPath(word: string): string {
    return resolve(this.localFolder, word);
  }
}
