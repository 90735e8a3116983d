/** All bits that a POSIX mode has beside the kind of file: permissions, set-user-id, set-group-id, sticky. */
export const MODE_BITS = 0o7777;

/** The bits of a mode that may be passed on, from a peer or a replaced file: permissions, and nothing that lends rights. */
export const PERMISSION_BITS = 0o777;

export const ENTRY_KINDS = ['file', 'folder', 'link', 'other'] as const;

/** What a name stands for. A `link` is a symbolic link that is not followed; `other` is a device, a pipe or a socket. */
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** One name in a folder, with what a listing tells about it. */
export interface Entry {
  readonly name: string;
  readonly kind: EntryKind;
  /** Bytes of a file; 0 for everything else, and `NaN` where a server tells names only. */
  readonly size: number;
  /** When the content last changed, in whole milliseconds since 1970 UTC; `NaN` where a server does not tell. */
  readonly modified: number;
  /** POSIX permission bits, 0 to 0o7777. */
  readonly mode: number;
}

/** Room in a store, in bytes. */
export interface Space {
  readonly free: number;
  readonly total: number;
}

/** The furthest time that a calendar has, to either side of 1970, in milliseconds: 275 760 years. */
export const MAX_TIME = 8.64e15;
