/** Who is in a room's call, and how each of them is: our server's view and LiveKit's media as one. */
import { computed, toValue, type MaybeRefOrGetter, type Ref } from 'vue'
import type { CallView } from '../../machines/call.view.ts'
import type { PersonMedia } from '../livekit/voice-connection.types.ts'
import { useCallMedia, usePersonMedia } from '../stores/call.store.ts'
import { useName } from '../stores/names.store.ts'
import { useRoomCall } from '../stores/rooms.store.ts'
import { useMe } from '../stores/session.store.ts'
import { t } from '../words/words.ts'
import { useCall } from './use-call.ts'

/** How a person is, the worst first. */
export type Condition = 'undecryptable' | 'lost' | 'reconnecting' | 'joining' | 'fine'

export interface CallPerson {
  userId: string
  isMe: boolean
  /** “You” for oneself. */
  name: string
  condition: Condition
  isMuted: boolean
  camera: string | null
  cameraStarting: boolean
  isPoor: boolean
}

const same = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((id, index) => id === b[index])

/** User ids by time of joining. Media can be here a moment before the fact of it, or after. */
export function useCallPeople(roomId: MaybeRefOrGetter<string>): Readonly<Ref<string[]>> {
  const call = useRoomCall(roomId)
  const present = useCallMedia((media) => media.present, same)
  const { roomId: callRoomId } = useCall()
  return computed(() => {
    const listed = call.value?.participants.map(({ userId }) => userId) ?? []
    if (callRoomId.value !== toValue(roomId)) return listed
    return [...listed, ...present.value.filter((userId) => !listed.includes(userId))]
  })
}

export function useCallPerson(
  roomId: MaybeRefOrGetter<string>,
  userId: string,
): Readonly<Ref<CallPerson>> {
  const name = useName(userId)
  const call = useRoomCall(roomId)
  const media = usePersonMedia(userId)
  const me = useMe()
  const { reconnecting } = useCall()
  return computed(() => {
    const isMe = me.value?.id === userId
    return {
      userId,
      isMe,
      name: isMe ? t('call.you') : name.value,
      condition: conditionOf({
        userId,
        isMe,
        call: call.value,
        media: media.value,
        reconnecting: reconnecting.value,
      }),
      isMuted: media.value !== null && !media.value.microphone,
      camera: media.value?.camera ?? null,
      cameraStarting: media.value?.cameraStarting ?? false,
      isPoor: media.value?.quality === 'poor',
    }
  })
}

function conditionOf(person: {
  userId: string
  isMe: boolean
  call: CallView | null
  media: PersonMedia | null
  reconnecting: boolean
}): Condition {
  const { userId, isMe, call, media, reconnecting } = person
  if (isMe) return reconnecting ? 'reconnecting' : 'fine'
  if (media?.encryption === 'undecryptable' || media?.encryption === 'plaintext') {
    return 'undecryptable'
  }
  const state = call?.participants.find((other) => other.userId === userId)?.state
  if (state === 'reconnecting') return 'reconnecting'
  if (media?.quality === 'lost') return 'lost'
  return state === 'joining' && media === null ? 'joining' : 'fine'
}
