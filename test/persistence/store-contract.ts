/** What every database must do, whichever it is: SQLite and PostgreSQL pass the same tests. */
import { describe } from 'vitest'
import { accountsContract } from './accounts-contract.ts'
import { callsContract } from './calls-contract.ts'
import { effectsContract } from './effects-contract.ts'
import { leasesContract } from './leases-contract.ts'
import { openingContract } from './opening-contract.ts'
import { roomCommitsContract } from './room-commits-contract.ts'
import { roomsContract } from './rooms-contract.ts'
import { useDatabase } from './test-database.ts'

/** `freshUrl`: makes an empty database for one test. */
export function storeContract(name: string, freshUrl: () => Promise<string>): void {
  describe(name, () => {
    const database = useDatabase(freshUrl)
    describe('opening', () => openingContract(database))
    describe('rooms', () => roomsContract(database))
    describe('commits of rooms', () => roomCommitsContract(database))
    describe('calls', () => callsContract(database))
    describe('accounts', () => accountsContract(database))
    describe('effects and settings', () => effectsContract(database))
    describe('leases', () => leasesContract(database))
  })
}
