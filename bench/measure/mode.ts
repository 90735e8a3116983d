/** What a figure can be about, by the name under which it is asked for, as people read it. */
export const MODE_TITLES = {
  'upload-to-file': 'upload, file → file',
  'upload-to-nothing': 'upload, file → nothing',
  'upload-from-memory': 'upload, memory → nothing',
  'download-to-file': 'download, file → file',
  'download-to-nothing': 'download, file → nothing',
  'download-from-memory': 'download, memory → nothing',
  'upload-tree': 'upload of a tree',
  'download-tree': 'download of a tree',
  'downloads-at-once': 'downloads at once, file → nothing',
  sessions: 'sessions: connect, greet, list, quit',
  'idle-sessions': 'idle sessions',
  'beside-idle': 'download beside idle sessions, file → nothing',
  'far-file': 'download of a small file, 50 ms away',
  'far-tree': 'download of a tree, 50 ms away',
  'far-pipe': 'download, 100 ms and 1 Gb/s away',
  'list-folder': 'listing of a large folder',
  'cold-start': 'a listing from a cold start',
} as const;

export type Mode = keyof typeof MODE_TITLES;

export const MODES = Object.keys(MODE_TITLES) as Mode[];

/** One file at a time, at each size. */
export const FILE_MODES = [
  'upload-to-file',
  'upload-to-nothing',
  'upload-from-memory',
  'download-to-file',
  'download-to-nothing',
  'download-from-memory',
] as const satisfies readonly Mode[];

export type FileMode = (typeof FILE_MODES)[number];

export const isFileMode = (mode: Mode): mode is FileMode => (FILE_MODES as readonly Mode[]).includes(mode);

/** A network that is imitated between client and server. */
export interface Distance {
  readonly roundTripMs: number;
  readonly bytesPerSecond: number;
}

// More than a machine's own memory carries.
const UNLIMITED = 1e12;

/** How far away the server is for a kind of work, where that is not done over loopback as it is. */
export const DISTANCES: Partial<Record<Mode, Distance>> = {
  'far-file': { roundTripMs: 50, bytesPerSecond: UNLIMITED },
  'far-tree': { roundTripMs: 50, bytesPerSecond: UNLIMITED },
  'far-pipe': { roundTripMs: 100, bytesPerSecond: 125_000_000 },
};

/** Whether the client sends. */
export const isUpload = (mode: Mode): boolean => mode.startsWith('upload');

/** Whether the receiver writes a file. */
export const keepsFile = (mode: Mode): boolean => mode.endsWith('to-file');

/** Whether the sender makes its bytes up instead of reading a file. */
export const sendsMemory = (mode: Mode): boolean => mode.endsWith('from-memory');
