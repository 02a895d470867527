/** Per-CPU maps and perf events are of the CPU that a program ran on: here always the first. */
import { execFileSync } from 'node:child_process';

/** Keep this process's main thread on CPU 0, where `taskset` (util-linux) is installed. */
export function pinToFirstCpu(): void {
  try {
    execFileSync('taskset', ['-p', '-c', '0', String(process.pid)], { stdio: 'ignore' });
  } catch {
    // Without it per-CPU results differ where the scheduler moves the process.
  }
}
