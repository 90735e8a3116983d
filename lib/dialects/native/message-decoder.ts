import type { Decoder } from '../../operators/decode-with.ts';
import { assertChecked, assertUnchanged } from '../../protocol/message-check.ts';
import { WholeFrameDecoder } from '../../protocol/whole-frame-decoder.ts';
import type { Liveness } from './liveness.ts';

export interface MessageDecoderOptions {
  /** Largest payload to accept, in bytes. */
  readonly maxPayload: number;
  /** Whether messages carry a check; as the peer's first message has it where this is not known yet. */
  readonly checked?: boolean | undefined;
  /** Told of each message. */
  readonly liveness: Liveness;
}

/** Rebuilds the messages of one connection from bytes that arrive cut anywhere. It holds at most one. */
export class MessageDecoder implements Decoder<Buffer> {
  readonly #frames: WholeFrameDecoder;
  readonly #liveness: Liveness;
  #checked: boolean | undefined;

  constructor({ maxPayload, checked, liveness }: MessageDecoderOptions) {
    this.#frames = new WholeFrameDecoder(maxPayload);
    this.#checked = checked;
    this.#liveness = liveness;
  }

  /** Whether messages carry a check; taken for granted until the peer's first one tells. */
  get checked(): boolean {
    return this.#checked ?? true;
  }

  /** Throws frame errors, and `DIGEST_MISMATCH` where a message is not as it was sent. */
  *decode(chunk: Buffer): Generator<Buffer, void, undefined> {
    for (const message of this.#frames.decode(chunk)) {
      if (this.#checked) assertChecked(message);
      else this.#checked ??= assertUnchanged(message);
      this.#liveness.heard();
      yield message;
    }
  }

  end(): void {
    this.#frames.end();
  }
}
