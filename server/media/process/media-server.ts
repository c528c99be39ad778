/**
 * The embedded media server: LiveKit's signalling and rooms over werift's transports. It opens UDP
 * ports and nothing else; who carries signalling, Twirp and webhooks is not its affair.
 */
import { DisconnectReason, LeaveRequest_Action, type WebhookEvent } from '@livekit/protocol'
import { RTCDtlsTransport } from 'werift'
import { createMediaRooms, type MediaRooms } from '../api/media-rooms.ts'
import type { MediaConfig } from '../link/media-config.ts'
import type { MediaGrants } from '../link/media-grants.ts'
import type { MediaStats } from '../link/messages.ts'
import { ownAddresses } from '../link/own-addresses.ts'
import type { SignalPeer, SignalRequest, SignalSession } from '../link/signal.ts'
import { createRoomRegistry } from '../room/room-registry.ts'
import { createSignalSessions } from '../signalling/signal-sessions.ts'
import { openUdpSockets } from '../transport/udp-sockets.ts'

export interface MediaServer {
  /** To be waited for in front of `connect`: the machine's addresses may be others by now. */
  refreshAddresses(): Promise<void>
  /** Throws `SignalRefused`. */
  connect(request: SignalRequest, peer: SignalPeer): SignalSession
  rooms: MediaRooms
  /** In LiveKit's order; whoever listens signs and sends them. */
  onEvent(listener: (event: WebhookEvent) => void): void
  /** Nobody carries signalling just now (the web process is restarting): lost sockets are no loss yet. */
  carrierAway(): void
  carrierBack(): void
  stats(): MediaStats
  close(): Promise<void>
}

export interface MediaServerParts {
  config: MediaConfig
  /** Epoch milliseconds. */
  now(): number
  /** Good enough for secrets. */
  random(bytes: number): Buffer
  log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
  /** A token that brings somebody back in after a lost connection (LiveKit: of ten minutes). */
  issueRefreshToken(grants: MediaGrants): string
}

const tickEveryMs = 25
const refreshEveryMs = 5 * 60_000
const warningsWindowMs = 60_000
const maxWarnings = 20

/** Rejects when there is no free UDP port for any of the addresses. */
export async function createMediaServer({
  config,
  now,
  random,
  log,
  issueRefreshToken,
}: MediaServerParts): Promise<MediaServer> {
  let warnings = { since: now(), count: 0 }
  const warn = (fields: object, message: string) => {
    if (now() - warnings.since >= warningsWindowMs) warnings = { since: now(), count: 0 }
    warnings.count += 1
    // Whoever sends rubbish may not fill the log with it.
    if (warnings.count > maxWarnings) return
    log.warn(fields, message)
  }
  const onError = (error: unknown) => {
    warn({ err: error }, 'the media server put something of a client aside')
  }
  const certificate = await RTCDtlsTransport.SetupCertificate()
  const sockets = await openUdpSockets({
    addresses: () => config.addresses ?? ownAddresses(),
    ports: config.udpPorts,
    onError,
    changed(candidates) {
      log.info({ offered: candidates }, 'clients are told these addresses for their media')
    },
  })
  const listeners = new Set<(event: WebhookEvent) => void>()
  let ticker: NodeJS.Timeout | null = null

  const registry = createRoomRegistry({
    config,
    parts: { sockets, certificate, now, random, warn, onError },
    report(event) {
      for (const listener of listeners) listener(event)
    },
    opened() {
      ticker ??= setInterval(tick, tickEveryMs)
    },
  })
  const sessions = createSignalSessions({ registry, now, random, onError, issueRefreshToken })

  function tick(): void {
    const at = now()
    for (const room of registry.all) {
      try {
        room.tick(at)
        for (const participant of room.participants.values())
          if (at - participant.refreshedAt >= refreshEveryMs) sessions.refreshToken(participant)
      } catch (error) {
        onError(error)
      }
    }
    if (registry.all.length === 0) stopTicking()
  }

  function stopTicking(): void {
    if (ticker) clearInterval(ticker)
    ticker = null
  }

  return {
    refreshAddresses: sockets.refreshAddresses,
    connect: sessions.connect,
    rooms: createMediaRooms(registry),
    onEvent(listener) {
      listeners.add(listener)
    },
    carrierAway() {
      sessions.setCarried(false)
      for (const room of registry.all)
        for (const { outlet } of room.participants.values()) outlet.lose()
    },
    carrierBack() {
      sessions.setCarried(true)
    },
    stats: () => ({
      rooms: registry.all.length,
      participants: registry.all.reduce((sum, { participants }) => sum + participants.size, 0),
      packetsIn: registry.packetsReceived(),
      packetsOut: sockets.packetsSent,
    }),
    async close() {
      for (const room of registry.all)
        for (const participant of [...room.participants.values()])
          room.leave(participant, DisconnectReason.SERVER_SHUTDOWN, LeaveRequest_Action.DISCONNECT)
      registry.clear()
      stopTicking()
      await sockets.close()
    },
  }
}
