import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { report as untypedReport } from 'node:process';
import { alignBlocks } from './align-blocks.ts';

export const DIGEST_NAMES = ['blake3', 'sha256'] as const;

export type DigestName = (typeof DIGEST_NAMES)[number];

/** A digest under way: feed it bytes, then take the result; it begins anew with that. */
export interface Digest {
  readonly name: DigestName;
  update(bytes: Buffer): void;
  /** Lower-case hexadecimal digits of what was fed since the start or the last result. */
  finish(): string;
}

interface Blake3 {
  readonly Blake3Hasher: new () => { update(bytes: Buffer): unknown; digest(format: 'hex'): string; reset(): void };
}

let blake3: Blake3 | undefined | 'not tried' = 'not tried';

// The module is native: a platform without its binary goes on with SHA-256. Loaded on first use, because a listing
// needs no digest and should not wait for it.
const loadBlake3 = (): Blake3 | undefined => {
  if (blake3 !== 'not tried') return blake3;
  blake3 = withoutNetworkReport(() => {
    try {
      return createRequire(import.meta.url)('@napi-rs/blake-hash') as Blake3;
    } catch {
      return undefined;
    }
  });
  return blake3;
};

// Node has this property from 20.13 on; its types for that version do not know it.
const report = untypedReport as typeof untypedReport & { excludeNetwork: boolean };

/**
 * Does something while a report on this process leaves out its connections. The module looks in one for the kind of
 * system that it is on, and for each connection in it Node would ask the name server who that is, and stand still
 * until it answers.
 */
const withoutNetworkReport = <T>(action: () => T): T => {
  const { excludeNetwork } = report;
  report.excludeNetwork = true;
  try {
    return action();
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
};

/** The digests that work on this machine, the fastest first. */
export const availableDigests = (): DigestName[] => (loadBlake3() === undefined ? ['sha256'] : ['blake3', 'sha256']);

/** A new digest. Asking for `blake3` where it is not available is a defect of the caller and throws. */
export const createDigest = (name: DigestName): Digest => {
  if (name === 'sha256') {
    let hash = createHash('sha256');
    const finish = () => {
      const digest = hash.digest('hex');
      hash = createHash('sha256');
      return digest;
    };
    return { name, update: (bytes) => void hash.update(bytes), finish };
  }
  const module = loadBlake3();
  if (module === undefined) throw new Error('the BLAKE3 module does not load on this machine');
  const hasher = new module.Blake3Hasher();
  const blocks = alignBlocks((bytes) => void hasher.update(bytes));
  return {
    name,
    update: blocks.update,
    finish: () => {
      blocks.flush();
      const digest = hasher.digest('hex');
      // One for many contents, because each of these native things that is let go costs a full collection its time.
      hasher.reset();
      return digest;
    },
  };
};
