/** Another program with a transaction open on a SQLite file: a backup tool, a database shell. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface ForeignProgram {
  readonly pid: number
  /** Resolves when it is gone, and its locks with it. */
  end(): Promise<void>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const program = `
  const [path, ...statements] = process.argv.slice(1)
  const database = new (require('sqlite3').Database)(path)
  database.serialize(() => {
    for (const sql of statements) database.all(sql, (error) => { if (error) throw error })
    database.all('select 1', () => console.log('held'))
  })
  setInterval(() => undefined, 1000)`

/** Resolves when it has run them, and keeps its transaction. */
export async function holdSqlite(path: string, statements: string[]): Promise<ForeignProgram> {
  const child = spawn(process.execPath, ['-e', program, path, ...statements], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('exit', () => reject(new Error('the foreign program did not get its transaction')))
  })
  return {
    pid: child.pid ?? 0,
    async end() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

export const readingTransaction = ['begin', 'select * from rooms']
export const writingTransaction = ['begin immediate']
