/**
 * What a conversation may take, in bytes, items and milliseconds. Classic dialects know of `dataMs`, `idleMs` and
 * `stallMs`; the rest is for `native`.
 */
export interface ConversationLimits {
  /** Largest control frame before the hello. */
  readonly helloFrame: number;
  /** Largest control frame. */
  readonly controlFrame: number;
  /** Largest frame of content. */
  readonly dataFrame: number;
  /** Requests of one session that are answered at once; further ones wait unread in the connection. */
  readonly commands: number;
  /** Entries in one page of a listing. */
  readonly page: number;
  /** From a connection's start to its whole hello. */
  readonly helloMs: number;
  /** From the offer of a data connection to its peer's token. */
  readonly dataMs: number;
  /** From the last request's end to the end of an idle session. */
  readonly idleMs: number;
  /** Without a word from the peer until it is asked for one. */
  readonly quietMs: number;
  /** Without a word or a byte from the peer until it counts as gone. */
  readonly stallMs: number;
}

export const DEFAULT_LIMITS: ConversationLimits = {
  helloFrame: 4 * 1024,
  controlFrame: 64 * 1024,
  dataFrame: 1024 * 1024,
  commands: 64,
  page: 1000,
  helloMs: 10_000,
  dataMs: 15_000,
  idleMs: 15 * 60_000,
  quietMs: 20_000,
  stallMs: 60_000,
};
