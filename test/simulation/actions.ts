/** What people do in a story: one thing after the other, at times and by chance of the seed. */
import { leavingOf } from '../../server/rooms/leaving.ts'
import type { Ledger } from './ledger.ts'
import type { Network } from './network.ts'
import type { People, Person } from './people.ts'
import type { Random } from './random.ts'
import type { Truth } from './truth.ts'
import type { World } from './world.ts'

export interface ActionDeps {
  world: World
  random: Random
  people: People
  network: Network
  truth: Truth
  ledger: Ledger
  roomId: string
}

/** Plans everything that people do until `until`. */
export function planActions(deps: ActionDeps, until: number): void {
  const { world, random, people, network, truth, ledger, roomId } = deps
  const browser = { dead: false, isOnline: () => true }
  const began = world.now()
  const flavour = random.weighted([
    ['everyday', 5],
    ['reloads', 3],
    ['removals', 3],
    ['networks', 3],
    ['edges', 4],
  ] as const)

  function remove(person: Person): void {
    if (!ledger.members.has(person.userId)) return
    world.tell('Owner', `removes ${person.name}`)
    truth.removed(person.userId)
    network
      .request(browser, ({ steps }) =>
        steps.run(roomId, { members: [person.userId], heirOf: person.userId }, (state) => ({
          ...leavingOf(state, person.userId, 'owner'),
          result: () => undefined,
        })),
      )
      .catch(() => undefined)
    // A modified client does not take it, and comes back with the token that LiveKit gave it.
    const page = people.pageOf(person)
    const token = page && people.sessionOf(page)?.refreshed()
    if (token && random.chance(0.5)) {
      for (let n = random.between(1, 3); n > 0; n--) {
        world.after(random.between(100, 20_000), () => {
          if (!ledger.members.has(person.userId)) people.replay(person, token)
        })
      }
    }
  }

  function readmit(person: Person): void {
    if (ledger.members.has(person.userId)) return
    world.tell('Owner', `adds ${person.name} again`)
    network
      .request(browser, ({ steps }) =>
        steps.run(roomId, { members: [person.userId] }, ({ members }) => ({
          ...(!members.has(person.userId) && {
            addMembers: [{ userId: person.userId, by: 'owner' }],
          }),
          result: () => undefined,
        })),
      )
      .then(
        () => {
          const old = person.pages.at(-1)
          if (people.pageOf(person) || !old || !random.chance(0.7)) return
          // The page is still open, and tries again under its own id.
          people.join(person, random.chance(0.7) ? { connectionId: old.connectionId } : {})
        },
        () => undefined,
      )
  }

  function deleteRoom(): void {
    world.tell('Owner', 'deletes the room')
    truth.roomDeleted()
    network
      .request(browser, ({ steps }) =>
        steps.run(roomId, {}, () => ({ deleteRoom: { by: 'owner' }, result: () => undefined })),
      )
      .catch(() => undefined)
  }

  function reload(person: Person): void {
    const page = people.pageOf(person)
    if (!page) return
    people.close(page, random.chance(0.8))
    world.after(
      random.weighted([
        [random.between(100, 3_000), 4],
        [random.between(3_000, 9_500), 2],
        [random.between(9_500, 14_000), 1],
      ]),
      () => people.reload(page),
    )
  }

  function act(person: Person): void {
    const page = people.pageOf(person)
    if (!ledger.members.has(person.userId)) {
      if (random.chance(0.6)) readmit(person)
      return
    }
    if (!page) {
      people.join(person, { withoutMedia: random.chance(0.06) })
      if (random.chance(0.05)) {
        world.after(random.between(1, 300), () => {
          const cancelled = people.pageOf(person)
          if (cancelled) people.hangUp(cancelled)
        })
      }
      if (flavour === 'removals' && random.chance(0.15)) {
        world.after(random.between(0, 60), () => remove(person))
      }
      return
    }
    const often = (kind: typeof flavour, weight: number) => (flavour === kind ? weight * 4 : weight)
    const what = random.weighted([
      ['hang up', 4],
      ['close', 3],
      ['reload', often('reloads', 3)],
      ['crash', 2],
      ['crash and return', often('reloads', 2)],
      ['offline', often('networks', 3)],
      ['full reconnect', often('networks', 2)],
      ['late reconnect', flavour === 'edges' ? 12 : 1],
      ['second device', often('reloads', 2)],
      ['join again', 1],
      ['remove', often('removals', 1)],
      ['remove while reloading', often('removals', 0.5)],
      ['delete room', 0.15],
    ] as const)
    switch (what) {
      case 'hang up':
        people.hangUp(page)
        return
      case 'close':
        people.close(page, random.chance(0.8))
        return
      case 'reload':
        reload(person)
        return
      case 'crash':
        people.crash(page)
        return
      case 'crash and return':
        people.crash(page)
        world.after(random.between(500, 30_000), () => people.join(person))
        return
      case 'offline':
        people.goOffline(person, random.pick([2_000, 10_000, 17_000, 24_000, 28_000, 40_000]))
        return
      case 'full reconnect':
        people.fullReconnect(page, false)
        return
      case 'late reconnect':
        people.fullReconnect(page, true)
        return
      case 'second device':
        people.join(person)
        return
      case 'join again':
        // The same page asks again: its answer was lost.
        if (people.sessionOf(page)) people.join(person, { connectionId: page.connectionId })
        return
      case 'remove':
        remove(person)
        return
      case 'remove while reloading': {
        people.close(page, true)
        const at = random.between(0, 500)
        world.after(at, () => people.reload(page))
        world.after(at + random.between(-20, 60), () => remove(person))
        return
      }
      case 'delete room':
        deleteRoom()
        return
      default:
        return what satisfies never
    }
  }

  for (const person of people.all) {
    if (random.chance(0.85)) {
      world.after(random.between(0, 6_000), () => {
        if (!people.pageOf(person)) people.join(person)
      })
    }
  }
  for (let n = random.between(5, 20); n > 0; n--) {
    const person = random.pick(people.all)
    world.after(random.between(3_000, until - began), () => act(person))
  }
}
