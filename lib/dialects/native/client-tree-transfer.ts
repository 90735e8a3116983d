import { EMPTY, type Observable, concat, defer, finalize, map, mergeMap, of, tap } from 'rxjs';
import { checkPath } from '../../protocol/path.ts';
import { type TreeCount, pumpTree } from '../../transfer/tree.ts';
import type { DownloadTree, Reply, UploadTree } from '../session.ts';
import { type ContentProof, remoteError } from './messages.ts';
import { type TransferRequests, assertSame } from './transfer-requests.ts';
import { receiveTree, sendTree } from './tree-content.ts';
import { waitForReason } from './wait-for-reason.ts';

/** Gets and puts of folders, as the client speaks them. */
export class ClientTreeTransfer {
  readonly #requests: TransferRequests;

  constructor(requests: TransferRequests) {
    this.#requests = requests;
  }

  /** Runs the download of a tree: how it is doing, and at last what came of it when the server was told. */
  download({ path, to }: DownloadTree): Observable<Reply> {
    return this.#requests.run(
      { type: 'get-tree', path: [...path], packs: true },
      ({ reply, request, pulse, socket$ }) => {
        if (reply.type === 'completed') return EMPTY;
        let arrived: ContentProof = { bytes: 0, digest: '' };
        let count = NOTHING_YET;
        const content = this.#requests.content(pulse, 0, (proof) => (arrived = proof));
        return concat(
          socket$.pipe(
            mergeMap((socket) => pumpTree(receiveTree(socket, content), to()).pipe(finalize(() => socket.destroy()))),
            waitForReason('receiving'),
            tap((progress) => (count = progress)),
            map(treeReply),
          ),
          defer(() => concat(request.confirm(arrived), of<Reply>({ ...count, type: 'tree-completed' }))),
        );
      },
    );
  }

  /** Runs the upload of a tree: how it is doing, and at last what the server says that it has. */
  upload({ path, from, overwrite, fsync, resume }: UploadTree): Observable<Reply> {
    let sent: ContentProof | undefined;
    let count = NOTHING_YET;
    let refused = 0;
    const progress = (problem?: TreeCount['problem']): Reply => ({
      type: 'tree-progress',
      ...count,
      failed: count.failed + refused,
      ...(problem && { problem }),
    });
    const words = { type: 'put-tree' as const, path: [...path], overwrite, fsync, resume, packs: true };
    return this.#requests.run(words, ({ reply, pulse, socket$ }) => {
      if (reply.type === 'problem') {
        refused += 1;
        return of(progress({ path: checkPath(reply.path), error: remoteError(reply) }));
      }
      if (reply.type === 'completed') {
        const { bytes, files = 0 } = assertSame(reply, sent);
        const { skipped = 0, failed: notKept = 0, kept = bytes } = reply;
        const failed = count.failed + refused;
        return of<Reply>({
          type: 'tree-completed',
          bytes: kept,
          files: Math.max(0, files - notKept - skipped),
          skipped,
          failed,
        });
      }
      const packs = reply.type === 'accepted' && reply.packs;
      const content = { ...this.#requests.content(pulse, 0, (proof) => (sent = proof)), packs };
      return socket$.pipe(
        mergeMap((socket) => pumpTree(from, sendTree(socket, content))),
        waitForReason('sending'),
        tap((sending) => (count = sending)),
        map(({ problem }) => progress(problem)),
      );
    });
  }
}

const NOTHING_YET: TreeCount = { files: 0, bytes: 0, skipped: 0, failed: 0 };

const treeReply = (count: TreeCount): Reply => ({ type: 'tree-progress', ...count });
