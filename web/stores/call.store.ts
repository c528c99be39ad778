/**
 * The media of the call that this page is in: who is present, who shares, who speaks, which
 * devices there are. Ids and primitives; one atom a person. Tracks stay in web/livekit.
 */
import { createAtom, createStore, type Atom } from '@xstate/store'
import { useAtom, useSelector } from '@xstate/store-vue'
import type { Ref } from 'vue'
import type { Captures } from '../livekit/capture-watch.ts'
import type { DeviceLists, PersonMedia, SharedScreen } from '../livekit/voice-connection.types.ts'

export interface CallMedia {
  /** User ids of everybody whose media is here, in the order of their coming. */
  present: string[]
  screens: SharedScreen[]
  /** User ids of those whose camera is seen. */
  filming: string[]
  /** User ids of those whose voice is heard right now. */
  speaking: string[]
  /** User ids of those of whom nothing may be played or shown (R44). */
  undecryptable: string[]
  /** The browser holds the sound back until somebody clicks. */
  soundBlocked: boolean
  /** What one's own devices give. */
  captures: Captures
  safetyCode: string[]
  devices: DeviceLists | null
  /** The person has said that it is worth pinning: a track id or user id, large on the stage. */
  pinned: string | null
  layout: 'stage' | 'grid'
  /** User id of who is large when nobody is pinned and no screen is shared: who spoke last. */
  featured: string | null
}

const nothing: CallMedia = {
  present: [],
  screens: [],
  filming: [],
  speaking: [],
  undecryptable: [],
  soundBlocked: false,
  captures: { microphone: 'fine', camera: 'fine' },
  safetyCode: [],
  devices: null,
  pinned: null,
  layout: 'stage',
  featured: null,
}

function withMember(list: string[], id: string, isIn: boolean): string[] {
  if (list.includes(id) === isIn) return list
  return isIn ? [...list, id] : list.filter((other) => other !== id)
}

export const callStore = createStore({
  context: nothing,
  on: {
    personCame: (context, event: { userId: string; isTrusted: boolean; isFilming: boolean }) => ({
      ...context,
      present: withMember(context.present, event.userId, true),
      filming: withMember(context.filming, event.userId, event.isFilming),
      undecryptable: withMember(context.undecryptable, event.userId, !event.isTrusted),
    }),
    personWent: (context, { userId }: { userId: string }) => ({
      ...context,
      present: withMember(context.present, userId, false),
      filming: withMember(context.filming, userId, false),
      speaking: withMember(context.speaking, userId, false),
      undecryptable: withMember(context.undecryptable, userId, false),
    }),
    spoke: (context, { userId, speaking }: { userId: string; speaking: boolean }) => ({
      ...context,
      speaking: withMember(context.speaking, userId, speaking),
    }),
    screensChanged: (context, { screens }: { screens: SharedScreen[] }) => ({
      ...context,
      screens,
    }),
    soundChanged: (context, { blocked }: { blocked: boolean }) => ({
      ...context,
      soundBlocked: blocked,
    }),
    capturesChanged: (context, { captures }: { captures: Captures }) => ({
      ...context,
      captures,
    }),
    devicesChanged: (context, { lists }: { lists: DeviceLists }) => ({
      ...context,
      devices: lists,
    }),
    safetyCodeChanged: (context, { code }: { code: string[] }) => ({
      ...context,
      safetyCode: code,
    }),
    pinned: (context, { id }: { id: string | null }) => ({ ...context, pinned: id }),
    featured: (context, { userId }: { userId: string }) => ({ ...context, featured: userId }),
    layoutChosen: (context, { layout }: { layout: CallMedia['layout'] }) => ({
      ...context,
      layout,
    }),
    /** LiveKit let go: its media is gone, the call may go on. */
    mediaLost: (context) => ({
      ...nothing,
      layout: context.layout,
      pinned: context.pinned,
      safetyCode: context.safetyCode,
      devices: context.devices,
    }),
    over: () => nothing,
  },
})

const atoms = new Map<string, Atom<PersonMedia | null>>()

function atomOf(userId: string): Atom<PersonMedia | null> {
  const known = atoms.get(userId)
  if (known) return known
  const atom = createAtom<PersonMedia | null>(null)
  atoms.set(userId, atom)
  return atom
}

export function setPersonMedia(userId: string, media: PersonMedia | null): void {
  const atom = atomOf(userId)
  const before = atom.get()
  const isSame =
    before !== null &&
    media !== null &&
    (Object.keys(media) as (keyof PersonMedia)[]).every((key) => before[key] === media[key])
  if (!isSame) atom.set(media)
}

/** After a disconnect, nobody's media is here. */
export function clearPersonMedia(): void {
  for (const atom of atoms.values()) atom.set(null)
}

/** A person's media, null while there is none here. */
export const usePersonMedia = (userId: string): Readonly<Ref<PersonMedia | null>> =>
  useAtom(atomOf(userId))

export const useCallMedia = <T>(
  select: (media: CallMedia) => T,
  compare?: (a: T, b: T) => boolean,
): Readonly<Ref<T>> => useSelector(callStore, (snapshot) => select(snapshot.context), compare)
