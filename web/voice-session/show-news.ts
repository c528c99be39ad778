/** Says what happens to one's own place in a call and to its devices, in short notes. */
import type { DeviceTrouble } from '../../machines/voice-session.events.ts'
import { deviceOf } from '../../machines/voice-session.machine.ts'
import { callPanelStore } from '../stores/call-panel.store.ts'
import { dismissToastsAbout, showToast } from '../stores/toasts.store.ts'
import { t } from '../words/words.ts'
import { isLasting, overWords, shownReason } from './over-words.ts'
import type { CallNews } from './show-media.ts'
import type { VoiceSessionActor } from './voice-session.types.ts'

export function showNews(news: CallNews, actor: VoiceSessionActor): void {
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
      showAnnounced(news.what, actor)
      return
    default:
      return news satisfies never
  }
}

/** The loss itself lasts, so a strip says it; the return is news, and what did not come back. */
function showAnnounced(
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
export function showTroubles(actor: VoiceSessionActor): void {
  let before = actor.getSnapshot()
  const shown: Partial<Record<TroubledDevice, DeviceTrouble | null>> = {}
  actor.subscribe((snapshot) => {
    const was = before
    before = snapshot
    for (const device of devices) {
      const trouble = troubleOf(snapshot, device)
      if (trouble === (shown[device] ?? null)) continue
      shown[device] = trouble
      // A note with a button stays until it is dealt with, and hides what comes after it.
      dismissToastsAbout(device)
      if (trouble) showDeviceTrouble(actor, device, trouble)
    }
    // Shared again, or out of the call: a lost screen is dealt with.
    const isDealtWith = (now: Snapshot) =>
      !now.matches('connected') || !now.matches({ connected: { screen: 'off' } })
    if (isDealtWith(snapshot) && !isDealtWith(was)) dismissToastsAbout('screen')
    showOver(actor, was)
  })
}

function showOver(actor: VoiceSessionActor, was: Snapshot): void {
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

function showDeviceTrouble(
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
