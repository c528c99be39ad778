/**
 * The store behind gates, one set for each generation of the server: before and after each call the
 * server may be killed, slowed down or told that it failed. A killed generation never gets through.
 */
import { AmbiguousCommitError, type Store } from '../../persistence/store.ts'
import type { Faults } from './faults.ts'
import type { Ledger } from './ledger.ts'
import type { Random } from './random.ts'
import type { Owner, World } from './world.ts'

export interface GateDeps {
  world: World
  faults: Faults
  random: Random
  ledger: Ledger
  generation: Owner
  /** -9, now. */
  kill(where: string): void
}

export function createStoreGates(real: Store, deps: GateDeps): Store {
  const { world, faults, random, ledger, generation, kill } = deps

  /** Through the gate, there and back. */
  function cross<T>(name: string, isWrite: boolean, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const fault = faults.store(isWrite)
      if (fault !== 'none') {
        world.tell('fault', `${name}: ${fault}`)
        faults.disturbed(5_000, name)
      }
      const slowMs = fault === 'slow' ? random.between(100, 6_000) : random.between(0, 2)
      const there = async () => {
        if (faults.killsHere()) {
          kill(`before ${name}`)
          return
        }
        if (fault === 'fails') {
          world.after(1, () => reject(new Error(`${name} failed`)), generation)
          return
        }
        let answer: () => void
        try {
          if (fault === 'ambiguous-lost') throw new Error('the connection was lost')
          const result = await work()
          answer = () => resolve(result)
          if (fault === 'ambiguous-done') throw new Error('the connection was lost')
        } catch (error) {
          const isAmbiguous = fault === 'ambiguous-done' || fault === 'ambiguous-lost'
          const rejection: unknown =
            isAmbiguous && name === 'commit' ? new AmbiguousCommitError(error) : error
          answer = () => reject(rejection)
        }
        if (faults.killsHere()) {
          kill(`after ${name}`)
          return
        }
        world.after(random.between(0, 2), answer, generation)
      }
      world.after(slowMs, there, generation)
    })
  }

  function read<A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) {
    return (...args: A): Promise<R> => cross(name, false, () => call(...args))
  }
  function write<A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) {
    return (...args: A): Promise<R> => cross(name, true, () => call(...args))
  }

  const { rooms, calls, effects } = real
  /** When the next effect is due, as the database said last; asked again once something was written. */
  let idleUntil = -Infinity
  const stir = () => {
    idleUntil = -Infinity
  }

  return {
    ...real,
    rooms: {
      ...rooms,
      load: read('load', rooms.load),
      find: read('find', rooms.find),
      isMember: read('isMember', rooms.isMember),
      listOf: read('listOf', rooms.listOf),
      roomIdsOf: read('roomIdsOf', rooms.roomIdsOf),
      factsAfter: read('factsAfter', rooms.factsAfter),
      latestAt: read('latestAt', rooms.latestAt),
      // The database's clock is the simulation's, so these are told of what it holds.
      now: () => Promise.resolve(world.now()),
      changedSince: read('changedSince', (at) => Promise.resolve(ledger.changedSince(at))),
      commit: write('commit', async (batch) => {
        stir()
        const outcomes = await rooms.commit(batch)
        batch.forEach((commit, i) => {
          if (outcomes[i] === 'committed') ledger.take(commit)
        })
        return outcomes
      }),
    },
    calls: {
      ...calls,
      active: read('active', calls.active),
      stateOf: read('stateOf', calls.stateOf),
      key: read('key', calls.key),
      lastReportAt: read('lastReportAt', calls.lastReportAt),
      recordIgnored: write('recordIgnored', calls.recordIgnored),
    },
    effects: {
      ...effects,
      async claimDue(at, leaseMs, limit, except) {
        // Nothing was written since the database said so: no need to ask it every three seconds.
        if (at < idleUntil) return []
        return cross('claimDue', true, () => effects.claimDue(at, leaseMs, limit, except))
      },
      async nextDueAt(except) {
        if (idleUntil > -Infinity) return idleUntil === Infinity ? null : idleUntil
        return cross('nextDueAt', false, async () => {
          const at = await effects.nextDueAt(except)
          idleUntil = at ?? Infinity
          return at
        })
      },
      done: write('done', (ids) => {
        stir()
        return effects.done(ids)
      }),
      retry: write('retry', (id, dueAt) => {
        stir()
        return effects.retry(id, dueAt)
      }),
    },
    accounts: { ...real.accounts, sessionsEndedSince: () => Promise.resolve([]) },
    scrub: () => Promise.resolve('done'),
  }
}
