/**
 * What stands where in a call: screens first, then cameras, then voices; one of them large. One's own
 * screen stands nowhere: it would show itself in itself without end. What
 * comes over the network moves nothing while the pointer is over it, for it may be about to click.
 */
import { computed, shallowRef, watch, type Ref } from 'vue'
import { callStore, useCallMedia } from '../stores/call.store.ts'
import { useMe } from '../stores/session.store.ts'
import { useCallPeople } from './use-call-people.ts'

export type Tile =
  { is: 'screen'; id: string; userId: string } | { is: 'person'; id: string; userId: string }

export interface Stage {
  /** Nobody is seen: voices stand free, without boxes. */
  isVoicesOnly: Readonly<Ref<boolean>>
  layout: Readonly<Ref<'stage' | 'grid'>>
  /** All of them, in their places. */
  tiles: Readonly<Ref<readonly Tile[]>>
  large: Readonly<Ref<Tile | undefined>>
  /** Those beside the large one. */
  small: Readonly<Ref<readonly Tile[]>>
  people: Readonly<Ref<readonly string[]>>
  /** The pointer came over the tiles, or left them. */
  hold(isOver: boolean): void
}

export function useStage(roomId: () => string): Stage {
  const people = useCallPeople(roomId)
  const allScreens = useCallMedia((media) => media.screens)
  const screens = computed(() => allScreens.value.filter(({ isMine }) => !isMine))
  const filming = useCallMedia((media) => media.filming)
  const pinned = useCallMedia((media) => media.pinned)
  const featured = useCallMedia((media) => media.featured)
  const speaking = useCallMedia((media) => media.speaking)
  const layout = useCallMedia((media) => media.layout)
  const me = useMe()

  const wanted = computed<Tile[]>(() => {
    const seen = (userId: string) => filming.value.includes(userId)
    const others = people.value.filter((userId) => userId !== me.value?.id)
    const own = people.value.filter((userId) => userId === me.value?.id)
    const inOrder = [...others.filter(seen), ...others.filter((userId) => !seen(userId)), ...own]
    return [
      ...screens.value.map(({ trackId, userId }) => ({
        is: 'screen' as const,
        id: trackId,
        userId,
      })),
      ...inOrder.map((userId) => ({ is: 'person' as const, id: userId, userId })),
    ]
  })

  const tiles = shallowRef<readonly Tile[]>(wanted.value)
  let isHeld = false
  watch(wanted, (now) => {
    tiles.value = isHeld ? inPlace(tiles.value, now) : now
  })

  watch(speaking, (now, before) => {
    const newest = now.find((userId) => !before.includes(userId) && userId !== me.value?.id)
    if (newest && !isHeld) callStore.trigger.featured({ userId: newest })
  })

  /** Who spoke last; a voice takes no picture's place. */
  const speaker = computed(() => {
    const isSomebodySeen = filming.value.some((userId) => userId !== me.value?.id)
    const isVoice = featured.value !== null && !filming.value.includes(featured.value)
    return isSomebodySeen && isVoice ? null : featured.value
  })

  const large = computed(() => {
    const find = (id: string | null) => tiles.value.find((tile) => tile.id === id)
    const screen = tiles.value.find((tile) => tile.is === 'screen')
    return find(pinned.value) ?? screen ?? find(speaker.value) ?? tiles.value[0]
  })

  return {
    isVoicesOnly: computed(() => screens.value.length === 0 && filming.value.length === 0),
    layout,
    tiles,
    large,
    small: computed(() => tiles.value.filter((tile) => tile.id !== large.value?.id)),
    people,
    hold(isOver) {
      isHeld = isOver
      if (!isOver) tiles.value = wanted.value
    },
  }
}

/** Who stays keeps the place, who is new comes last. */
function inPlace(before: readonly Tile[], now: readonly Tile[]): Tile[] {
  const byId = new Map(now.map((tile) => [tile.id, tile]))
  const stayed = before.flatMap(({ id }) => byId.get(id) ?? [])
  return [...stayed, ...now.filter(({ id }) => !before.some((tile) => tile.id === id))]
}
