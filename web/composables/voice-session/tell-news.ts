/** Says what happens to one's own place in a call and to its devices, in short notes. */
import type { DeviceTrouble } from '../../../machines/voice-session.events.ts'
import { deviceOf } from '../../../machines/voice-session.machine.ts'
import { callPanelStore } from '../../stores/call-panel.store.ts'
import { roomNow, roomsStore } from '../../stores/rooms.store.ts'
import { sessionStore } from '../../stores/session.store.ts'
import { dismissToastsAbout, showToast } from '../../stores/toasts.store.ts'
import { t } from '../../words/words.ts'
import { shownReason, type ShownReason } from './shown-reason.ts'
import type { CallNews } from './show-media.ts'
import type { VoiceSessionActor } from './voice-session.types.ts'

export function tellNews(news: CallNews, actor: VoiceSessionActor): void {
  switch (news.type) {
    case 'device.gone':
      showToast({ text: t(`call.${news.kind}-gone`, { was: news.was, now: news.now }) })
      return
    case 'device.back':
      showToast({ text: t('call.device-back', { label: news.label }) })
      return
    case 'device.failed':
      showToast({ text: notOpened(news), detail: t(`call.${news.kind}-kept`), kind: 'warn' })
      return
    case 'announce':
      tellAnnounced(news.what, actor)
      return
    default:
      return news satisfies never
  }
}

/** The loss itself lasts, so a strip says it; the return is news, and what did not come back. */
function tellAnnounced(
  what: Extract<CallNews, { type: 'announce' }>['what'],
  actor: VoiceSessionActor,
): void {
  switch (what) {
    case 'lost':
      return
    case 'back':
      showToast({ text: t('call.returned'), kind: 'live' })
      return
    case 'back-without-screen':
      showToast({ text: t('call.returned'), detail: t('call.screen-lost'), ...shareAgain(actor) })
      return
    case 'screen-lost':
      showToast({ text: t('call.screen-lost'), ...shareAgain(actor) })
      return
    default:
      return what satisfies never
  }
}

/** Only a click may ask for a screen. */
const shareAgain = (actor: VoiceSessionActor) => ({
  about: 'screen' as const,
  kind: 'warn' as const,
  action: {
    label: t('call.share-again'),
    run: () => actor.send({ type: 'screen.wanted', enabled: true }),
  },
})

/** Of one among several: that none was found, or how to plug one in, is not what happened. */
function notOpened({ kind, trouble }: Extract<CallNews, { type: 'device.failed' }>): string {
  if (kind === 'speaker' || trouble === 'missing') return t(`call.${kind}-failed`)
  return t(`call.${kind}-${trouble}`)
}

const params = (roomId: string | null) => ({
  room: roomNow(roomId ?? '')?.name ?? roomsStore.getSnapshot().context.lost[roomId ?? ''] ?? '',
  server: sessionStore.getSnapshot().context.config?.name ?? '',
})

/** Title and one sentence for why a place in a call is over. */
export function overWords(reason: ShownReason, roomId: string | null) {
  return {
    title: t(`call.over.${reason}`, params(roomId)),
    detail: t(`call.over.${reason}-detail`, params(roomId)),
  }
}

/** These stay on the screen until they are dealt with: there is something to do about them. */
const lasting = new Set<ShownReason>([
  'part-missing',
  'cannot-encrypt',
  'not-secure',
  'server-unreachable',
  'livekit-unreachable',
  'media-blocked',
  'gave-up',
])
/** These show in the call's place, or on its button, as long as they hold. */
export const isLasting = (reason: ShownReason) => lasting.has(reason)

type Snapshot = ReturnType<VoiceSessionActor['getSnapshot']>

const devices = ['microphone', 'camera', 'screen'] as const
type TroubledDevice = (typeof devices)[number]

/** What is wrong with a device now: of one that was closed, or of a call that is over, nothing. */
function troubleOf(snapshot: Snapshot, device: TroubledDevice): DeviceTrouble | null {
  if (device === 'screen') {
    return snapshot.matches('connected') ? snapshot.context.screenTrouble : null
  }
  const own = deviceOf(snapshot, device)
  return own.matches('refused') ? own.context.trouble : null
}

/** Follows the session: what went wrong with a device, and what is over without a question. */
export function tellTroubles(actor: VoiceSessionActor): void {
  let before = actor.getSnapshot()
  const told: Partial<Record<TroubledDevice, DeviceTrouble | null>> = {}
  actor.subscribe((snapshot) => {
    const was = before
    before = snapshot
    for (const device of devices) {
      const trouble = troubleOf(snapshot, device)
      if (trouble === (told[device] ?? null)) continue
      told[device] = trouble
      // A note with a button stays until it is dealt with, and hides what comes after it.
      dismissToastsAbout(device)
      if (trouble) tellDevice(actor, device, trouble)
    }
    // Shared again, or out of the call: a lost screen is settled.
    const isSettled = (now: Snapshot) =>
      !now.matches('connected') || !now.matches({ connected: { screen: 'off' } })
    if (isSettled(snapshot) && !isSettled(was)) dismissToastsAbout('screen')
    tellOver(actor, was)
  })
}

function tellOver(actor: VoiceSessionActor, was: Snapshot): void {
  const snapshot = actor.getSnapshot()
  const { roomId } = snapshot.context
  const reason = shownReason(snapshot.context, {
    isPartMissing: callPanelStore.getSnapshot().context.isPartMissing,
    isSecure: window.isSecureContext,
  })
  const isOver =
    snapshot.matches('ended') || snapshot.matches('refused') || snapshot.matches('failed')
  if (!isOver || was.value === snapshot.value || !reason || isLasting(reason)) return
  // A room that is gone says so where it was.
  if (reason !== 'room-gone') {
    const { title, detail } = overWords(reason, roomId)
    showToast({ text: title, ...(detail && { detail }) })
  }
  // The button says that the call is full for as long as it is.
  if (reason !== 'call-full') queueMicrotask(() => actor.send({ type: 'dismissed' }))
}

function tellDevice(
  actor: VoiceSessionActor,
  device: TroubledDevice,
  trouble: DeviceTrouble,
): void {
  if (device === 'screen') {
    showToast({
      about: device,
      text: t('call.screen-failed'),
      detail: t('call.screen-failed-detail'),
      kind: 'warn',
    })
    return
  }
  const detail =
    trouble === 'busy'
      ? t('call.busy-detail')
      : trouble === 'failed'
        ? t('call.failed-detail')
        : t(`call.${device}-${trouble}-detail`)
  const help = {
    label: t('call.how-to-allow'),
    run: () => callPanelStore.trigger.helpAsked({ device }),
  }
  const again = {
    label: t('try-again'),
    run: () => actor.send({ type: `${device}.wanted`, enabled: true }),
  }
  showToast({
    about: device,
    text: t(`call.${device}-${trouble}`),
    detail,
    kind: 'warn',
    // What is missing is used by itself, or turned on, once it is there.
    ...(trouble === 'denied' ? { action: help } : trouble === 'missing' ? {} : { action: again }),
  })
}
