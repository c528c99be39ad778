/** The peer of the benches that commit: the same rows by bare sqlite3, in a process of its own. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Events a second. `like`: a database to take the rows' shape from; `group`: events in one transaction. */
export function rawCommits(like: string, events: number, group: number): Promise<number> {
  const child = fork(fileURLToPath(new URL('raw-commit.ts', import.meta.url)), [
    like,
    String(events),
    String(group),
  ])
  return new Promise((resolve, reject) => {
    child.once('message', (perSecond) => resolve(Number(perSecond)))
    child.once('exit', (code) => reject(new Error(`the raw commits ended with ${code}`)))
  })
}
