/** Announces what others do in the call that one is in: came, left, reconnecting, shares a screen. */
import { computed, watch } from 'vue'
import { useCallMedia } from '../stores/call.store.ts'
import { nameOf } from '../stores/names.store.ts'
import { useRoomCall } from '../stores/rooms.store.ts'
import { useMe } from '../stores/session.store.ts'
import { t } from '../words/words.ts'
import { announce } from '../stores/announcements.store.ts'
import { useCall } from './use-call.ts'

type Kind = 'joined' | 'left' | 'reconnecting' | 'back' | 'shares'

export function useCallAnnouncer(): void {
  const { roomId, phase } = useCall()
  const call = useRoomCall(() => roomId.value ?? '')
  const screens = useCallMedia((media) => media.screens)
  const me = useMe()

  function say(kind: Kind, userId: string): void {
    const name = nameOf(userId)
    if (userId !== me.value?.id && name !== '') announce(t(`call.said-${kind}`, { name }))
  }

  const states = computed(
    () =>
      new Map(
        phase.value === 'connected'
          ? call.value?.participants.map(({ userId, state }) => [userId, state])
          : [],
      ),
  )
  watch(states, (now, before) => {
    // Coming and going oneself, one meets everybody at once: no news.
    if (now.size === 0 || before.size === 0) return
    for (const [userId, state] of now) {
      const was = before.get(userId)
      if (was === undefined) say('joined', userId)
      else if (was === 'connected' && state === 'reconnecting') say('reconnecting', userId)
      else if (was === 'reconnecting' && state === 'connected') say('back', userId)
    }
    for (const userId of before.keys()) if (!now.has(userId)) say('left', userId)
  })
  watch(screens, (now, before) => {
    const had = new Set(before.map(({ trackId }) => trackId))
    for (const { trackId, userId } of now) if (!had.has(trackId)) say('shares', userId)
  })
  watch(phase, (now, before) => {
    if (now === 'connected' && before === 'joining') announce(t('call.said-you-joined'))
  })
}
