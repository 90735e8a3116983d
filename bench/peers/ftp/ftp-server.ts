import type { ServerSide } from '../../measure/peer.ts';
import type { Task } from '../../measure/task.ts';

/** The name that every FTP server here wants to hear, with its address's password. */
export const FTP_USER = 'anonymous';

/** A program that serves the task's folder by FTP. */
export interface FtpServer {
  readonly name: string;
  missing(): Promise<string | undefined>;
  serve(task: Task, signal: AbortSignal): Promise<ServerSide>;
}
