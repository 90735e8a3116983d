import * as v from 'valibot';
import { type ErrorCode, isErrorCode } from '../../errors/codes.ts';
import { type SluiceError, ProtocolError, RemoteError } from '../../errors/errors.ts';
import { DIGEST_NAMES } from '../../operators/digest.ts';
import { BLOCK_BYTES, MAX_PACKED, MAX_RANGES } from '../../protocol/block.ts';
import { ENTRY_KINDS, MAX_TIME, MODE_BITS, PERMISSION_BITS } from '../../protocol/entry.ts';
import { assertChecked, withCheck } from '../../protocol/message-check.ts';
import { MAX_SEGMENTS, MAX_SEGMENT_BYTES } from '../../protocol/path.ts';
import { TOKEN_LENGTH } from '../../protocol/token.ts';
import { OVERWRITE_POLICIES } from '../../transfer/overwrite.ts';

/** The protocol version that this code speaks; see docs/protocol.md. */
export const PROTOCOL_VERSION = 1;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const time = v.pipe(v.number(), v.integer(), v.minValue(-MAX_TIME), v.maxValue(MAX_TIME));
const mode = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MODE_BITS));
// What a peer may set: nothing that lends the rights of a file's owner to others.
const permissions = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(PERMISSION_BITS));
const text = v.pipe(v.string(), v.maxLength(1024));
const cursor = v.pipe(v.string(), v.maxLength(64));
const id = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const token = v.pipe(v.string(), v.length(TOKEN_LENGTH), v.regex(/^[0-9a-f]*$/));
// Below this, headers would outweigh content, and 0 could never be met.
const frameLimit = v.pipe(v.number(), v.safeInteger(), v.minValue(1024));
const digestText = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
// Names of other lengths and characters are refused by the path rules, with an error that says which rule.
const name = v.pipe(v.string(), v.maxLength(4 * MAX_SEGMENT_BYTES));
const path = v.pipe(v.array(name), v.maxLength(4 * MAX_SEGMENTS));

const entry = v.object({
  name: v.string(),
  kind: v.picklist(ENTRY_KINDS),
  size: count,
  modified: time,
  mode,
});

/** How the content of a transfer travels: to a port of the server's (the default), or to one of the client's. */
const data = v.optional(v.object({ port, token }));

/** How much of a content the taker of a get has: verified blocks of the file that had this size and time. */
const resume = v.object({ offset: v.pipe(count, v.minValue(1)), size: count, modified: time, digest: digestText });

/** From a block's start on; where it may end depends on the content's length. */
const range = { offset: v.pipe(count, v.multipleOf(BLOCK_BYTES)), end: v.pipe(count, v.minValue(1)) };

/** Verified blocks that are there, where they are more than the first ones. */
const runs = v.pipe(v.array(v.object({ ...range, digest: digestText })), v.minLength(1), v.maxLength(MAX_RANGES));

/** The ranges in which a content will come, each over a data connection of its own. */
const segments = v.pipe(v.array(v.object({ ...range, token })), v.minLength(1), v.maxLength(MAX_RANGES));

/** How many segments a client would like. */
const segmentCount = v.pipe(v.number(), v.integer(), v.minValue(1));

const message = <T extends string, E extends v.ObjectEntries>(type: T, entries: E) =>
  v.object({ type: v.literal(type), ...entries });

type MessageSchema = v.GenericSchema & { readonly entries: { readonly type: { readonly literal: string } } };

/** Messages that may stand in one place, by their types: only one schema is looked at, where a `variant` tries each in turn. */
type OneOf<S extends MessageSchema> = ReadonlyMap<string, S>;

const oneOf = <S extends MessageSchema>(...schemas: readonly S[]): OneOf<S> =>
  new Map(schemas.map((schema) => [schema.entries.type.literal, schema]));

const HELLO = message('hello', { version: count, agent: v.optional(text), digests: v.array(text) });

const WELCOME = message('hello', {
  version: count,
  agent: v.optional(text),
  digest: v.picklist(DIGEST_NAMES),
  login: v.picklist(['none', 'required']),
  limits: v.object({ controlFrame: count, dataFrame: frameLimit, transfers: count, commands: count, page: count }),
});

const REQUESTS = [
  message('list', { id, path, cursor: v.optional(cursor) }),
  message('stat', { id, path }),
  message('hash', { id, path, algorithm: v.picklist(DIGEST_NAMES) }),
  message('get', {
    id,
    path,
    resume: v.optional(resume),
    segments: v.optional(segmentCount),
    kept: v.optional(v.object({ size: count, modified: time, runs })),
    next: v.optional(v.boolean()),
    data,
  }),
  message('put', {
    id,
    path,
    size: v.optional(count),
    modified: v.optional(time),
    keepTime: v.optional(v.boolean()),
    mode: v.optional(permissions),
    overwrite: v.optional(v.picklist(OVERWRITE_POLICIES)),
    fsync: v.optional(v.boolean()),
    resume: v.optional(v.boolean()),
    segments: v.optional(segmentCount),
    next: v.optional(v.boolean()),
    data,
  }),
  message('get-tree', { id, path, packs: v.optional(v.boolean()), next: v.optional(v.boolean()), data }),
  message('put-tree', {
    id,
    path,
    overwrite: v.optional(v.picklist(OVERWRITE_POLICIES)),
    fsync: v.optional(v.boolean()),
    resume: v.optional(v.boolean()),
    packs: v.optional(v.boolean()),
    next: v.optional(v.boolean()),
    data,
  }),
  message('delete', { id, path }),
  message('mkdir', { id, path }),
  message('rmdir', { id, path, recursive: v.optional(v.boolean()) }),
  message('move', { id, from: path, to: path }),
  message('space', { id }),
  message('ping', { id }),
  message('quit', { id }),
];

/** What a client says about one of its running requests. */
const SIGNALS = [
  message('abort', { id, code: v.optional(text), message: v.optional(text) }),
  message('receipt', { id, bytes: count, digest: digestText, files: v.optional(count) }),
  message('pong', { id }),
  message('waiting', { id }),
];

const ERROR = message('error', { id: v.optional(id), code: text, message: v.string() });

const REPLIES = [
  message('listing', { id, entries: v.array(entry), cursor: v.optional(cursor) }),
  message('entry', { id, entry }),
  message('digest', { id, digest: digestText }),
  message('accepted', {
    id,
    entry: v.optional(entry),
    offset: v.optional(count),
    digest: v.optional(digestText),
    dropped: v.optional(count),
    port: v.optional(port),
    token: v.optional(token),
    next: v.optional(port),
    segments: v.optional(segments),
    kept: v.optional(runs),
    packs: v.optional(v.boolean()),
  }),
  message('completed', {
    id,
    bytes: count,
    digest: digestText,
    files: v.optional(count),
    skipped: v.optional(count),
    failed: v.optional(count),
    kept: v.optional(count),
  }),
  message('problem', { id, path, code: text, message: v.string() }),
  message('skipped', { id }),
  message('waiting', { id }),
  message('space', { id, free: count, total: count }),
  message('done', { id }),
  message('pong', { id }),
  ERROR,
];

/** What a server says without being asked. */
const NOTICES = [message('bye', { code: text, message: v.string() }), message('ping', { id })];

/** Why something of a tree is not there. */
const failure = v.object({ code: text, message: v.string() });

const TRAILER = v.object({
  bytes: count,
  digest: digestText,
  more: v.optional(v.boolean()),
  failed: v.optional(failure),
});

const fileInTree = { size: count, modified: time, mode };

/** What stands in front of each thing in a tree. */
const TREE_HEADERS = [
  v.object({ type: v.literal('folder'), path }),
  v.object({ type: v.literal('file'), path, ...fileInTree }),
  v.object({
    type: v.literal('pack'),
    path,
    files: v.pipe(v.array(v.object({ name, ...fileInTree })), v.minLength(1), v.maxLength(MAX_PACKED)),
  }),
  v.object({ type: v.literal('failed'), path, ...failure.entries }),
  v.object({ type: v.literal('end'), files: count, bytes: count }),
];

export type Hello = v.InferOutput<typeof HELLO>;
export type Welcome = v.InferOutput<typeof WELCOME>;
export type Request = v.InferOutput<(typeof REQUESTS)[number]>;
export type Signal = v.InferOutput<(typeof SIGNALS)[number]>;
export type ReplyMessage = v.InferOutput<(typeof REPLIES)[number]>;
/** What begins a transfer. */
export type Accepted = Extract<ReplyMessage, { type: 'accepted' }>;
export type ErrorMessage = v.InferOutput<typeof ERROR>;
export type Notice = v.InferOutput<(typeof NOTICES)[number]>;
export type Trailer = v.InferOutput<typeof TRAILER>;
/** What a whole content was: its length, and the digest that proves it. */
export type ContentProof = Pick<Trailer, 'bytes' | 'digest'> & { readonly files?: number | undefined };
export type TreeHeader = v.InferOutput<(typeof TREE_HEADERS)[number]>;
export type TreeRequest = Extract<Request, { type: 'get-tree' | 'put-tree' }>;
export type Message = Hello | Welcome | Request | Signal | ReplyMessage | Notice;
export type TransferRequest = Extract<Request, { type: 'get' | 'put' }>;

const FIRST_OF_CLIENT = oneOf(HELLO);
const FIRST_OF_SERVER = oneOf<typeof WELCOME | typeof ERROR>(WELCOME, ERROR);
const OF_CLIENT = oneOf<(typeof REQUESTS | typeof SIGNALS)[number]>(...REQUESTS, ...SIGNALS);
const OF_SERVER = oneOf<(typeof REPLIES | typeof NOTICES)[number]>(...REPLIES, ...NOTICES);
const OF_TREE = oneOf(...TREE_HEADERS);

/** A message that breaks its schema, with the request it belongs to where that much could be read. */
export class MessageError extends ProtocolError {
  readonly id: number | undefined;

  constructor(code: 'MESSAGE_INVALID' | 'MESSAGE_UNKNOWN', text: string, id?: number) {
    super(code, text);
    this.id = id;
  }
}

/** One message, of a control or a data connection, as a frame's payload; `checked` as the two sides have agreed. */
export const encodeMessage = (value: Message | Trailer | TreeHeader, checked = false): string => {
  const json = JSON.stringify(value);
  return checked ? withCheck(json) : json;
};

/** The first message of a client. */
export const decodeHello = (payload: Buffer): Hello => decode(FIRST_OF_CLIENT, payload);

/** The first message of a server: its welcome, or the error why there is none. */
export const decodeWelcome = (payload: Buffer): Welcome | ErrorMessage => decode(FIRST_OF_SERVER, payload);

/** Any later message of a client. Throws a `MessageError` for what is no such message. */
export const decodeClientMessage = (payload: Buffer): Request | Signal => decode(OF_CLIENT, payload);

/** Any later message of a server. Throws a `MessageError` for what is no such message. */
export const decodeServerMessage = (payload: Buffer): ReplyMessage | Notice => decode(OF_SERVER, payload);

/** The frame behind a block of content. */
export const decodeTrailer = (payload: Buffer, checked = false): Trailer => {
  if (checked) assertChecked(payload);
  return valid(TRAILER, parseJson(payload));
};

/** A frame in front of a thing in a tree, or behind the last one. */
export const decodeTreeHeader = (payload: Buffer, checked = false): TreeHeader => {
  if (checked) assertChecked(payload);
  return decode(OF_TREE, payload);
};

/** A failure as messages tell it. */
export const failureOf = ({ code, message: words }: SluiceError) => ({ code, message: words.slice(0, MAX_ERROR_TEXT) });

/** A failure as a message; `id` is the request that failed. */
export const errorMessage = (error: SluiceError, id?: number): ErrorMessage => ({
  type: 'error',
  ...failureOf(error),
  ...(id === undefined ? {} : { id }),
});

/** The failure that a peer reported. A code that this version does not know becomes `INTERNAL`, its text stays. */
export const remoteError = ({
  code,
  message: words,
}: {
  readonly code: string;
  readonly message: string;
}): RemoteError => new RemoteError(knownCode(code), words);

const MAX_ERROR_TEXT = 2048;

const knownCode = (code: string): ErrorCode => (isErrorCode(code) ? code : 'INTERNAL');

const decode = <S extends MessageSchema>(schemas: OneOf<S>, payload: Buffer): v.InferOutput<S> => {
  const value = parseJson(payload);
  const type = typeOf(value);
  if (type === undefined) throw new MessageError('MESSAGE_INVALID', 'a message has no type', idOf(value));
  const schema = schemas.get(type);
  if (schema !== undefined) return valid(schema, value, type);
  throw new MessageError(
    'MESSAGE_UNKNOWN',
    `message of unknown type ${JSON.stringify(type.slice(0, 64))}`,
    idOf(value),
  );
};

const valid = <S extends v.GenericSchema>(schema: S, value: unknown, type?: string): v.InferOutput<S> => {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const what = type === undefined ? 'a message' : `a "${type}" message`;
  const place = v.getDotPath(issue) ?? 'its top';
  throw new MessageError('MESSAGE_INVALID', `${what} is not valid at ${place}: ${issue.message}`, idOf(value));
};

const typeOf = (value: unknown): string | undefined => {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  return typeof value.type === 'string' ? value.type : undefined;
};

const parseJson = (payload: Buffer): unknown => {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    throw new MessageError('MESSAGE_INVALID', 'a control message is not JSON');
  }
};

const idOf = (value: unknown): number | undefined => {
  if (typeof value !== 'object' || value === null || !('id' in value)) return undefined;
  return v.is(id, value.id) ? value.id : undefined;
};
