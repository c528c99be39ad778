/** A database of one test's own, whichever kind it is. */
import { afterEach, beforeEach } from 'vitest'
import { openStore } from '../../persistence/open-store.ts'
import type { Store } from '../../persistence/store.ts'

/** One test's database. */
export interface TestDatabase {
  readonly store: Store
  readonly url: string
  /** Another process's store on the same database. */
  another(): Promise<Store>
  /** Ends the process that has `store`, and starts it again. */
  restart(): Promise<void>
}

/** A fresh database before each test; whatever was opened is closed after it. */
export function useDatabase(freshUrl: () => Promise<string>): TestDatabase {
  let url = ''
  let opened: Store[] = []

  async function open(): Promise<Store> {
    const store = await openStore(url)
    opened.push(store)
    return store
  }

  beforeEach(async () => {
    url = await freshUrl()
    await open()
  })
  afterEach(async () => {
    await Promise.all(opened.map((store) => store.close()))
    opened = []
  })

  return {
    get url() {
      return url
    },
    get store() {
      const [store] = opened
      if (!store) throw new Error('no store is open')
      return store
    },
    another: open,
    async restart() {
      await opened.shift()?.close()
      opened.unshift(await openStore(url))
    },
  }
}
