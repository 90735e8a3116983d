import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

// Where Debian keeps servers, which is not on everybody's path.
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The path of an installed program, or nothing. */
export const findProgram = async (name: string): Promise<string | undefined> => {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SERVER_FOLDERS];
  for (const folder of folders.filter(Boolean)) if (await canRun(join(folder, name))) return join(folder, name);
  return undefined;
};

/** Why programs cannot be measured on this machine, or nothing if they can. */
export const missingPrograms = async (...names: readonly string[]): Promise<string | undefined> => {
  if (process.platform !== 'linux') return 'what foreign programs use can be read on Linux only';
  for (const name of names) if ((await findProgram(name)) === undefined) return `${name} is not installed`;
  return undefined;
};

/** The path of a program that was found before. */
export const programPath = async (name: string): Promise<string> => (await findProgram(name)) ?? name;

const canRun = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
