import { type RemotePath, SluiceError, formatPath, sluiceError } from '../lib/index.ts';
import { display } from './display.ts';
import { exitCodeOf } from './exit-codes.ts';
import { CLEAR_LINE } from './progress-line.ts';

export interface ReporterOptions {
  /** One JSON object a line on standard output instead of text for people. */
  readonly json?: boolean | undefined;
  /** Says nothing but errors. */
  readonly quiet?: boolean | undefined;
}

/** Where a command's results go: text for people or JSON lines on standard output, errors on standard error. */
export class Reporter {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly #out: NodeJS.WritableStream;
  #exitCode: number | undefined;

  /** `out` is standard output unless that carries a file's content. */
  constructor({ json = false, quiet = false }: ReporterOptions, out: NodeJS.WritableStream = process.stdout) {
    this.json = json;
    this.quiet = quiet;
    this.#out = out;
  }

  /** The exit code for the first failure that was shown here, if there was one. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** Shows a result: the lines to people, the object to programs. */
  result(object: object, lines: readonly string[]): void {
    if (this.json) this.#out.write(`${JSON.stringify(object)}\n`);
    else if (!this.quiet) for (const line of lines) this.#out.write(`${line}\n`);
  }

  /** Tells people something beside the result, and programs the same where there is an object for it. */
  note(text: string, object?: object): void {
    if (this.quiet) return;
    if (!this.json) this.#tell(text);
    else if (object !== undefined) this.#out.write(`${JSON.stringify(object)}\n`);
  }

  /** Shows a failure in one line. */
  error(error: unknown): void {
    this.#exitCode ??= exitCodeOf(error);
    const { code, message } = sluiceError(error);
    if (this.json) this.#out.write(`${JSON.stringify({ type: 'error', code, message })}\n`);
    else this.#tell(`sluice: ${errorLine(error)}`);
  }

  /** Shows in one line what failed of a tree, whose other files are none the worse for it. */
  problem(path: RemotePath, error: SluiceError): void {
    this.#exitCode ??= exitCodeOf(error);
    const { code, message } = error;
    if (this.json) this.#out.write(`${JSON.stringify({ type: 'problem', path, code, message })}\n`);
    else {
      const place = formatPath(path);
      // Most messages begin with the path, as it is seen from another folder.
      this.#tell(`sluice: ${message.includes(place) ? '' : `${display(place)}: `}${errorLine(error)}`);
    }
  }

  /** On a terminal a progress line may stand where this goes. */
  #tell(line: string): void {
    process.stderr.write(`${process.stderr.isTTY ? CLEAR_LINE : ''}${line}\n`);
  }
}

/** A failure as one line for people; text from the other side is escaped. */
export const errorLine = (error: unknown): string =>
  error instanceof SluiceError ? `${display(error.message)} [${error.code}]` : display(sluiceError(error).message);
