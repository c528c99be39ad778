/**
 * The secure transport to one client: ICE-lite, DTLS, SRTP and data channels on werift's own parts,
 * without its peer connection. What it carries is known to others.
 */
import type { RtpHeader } from 'werift'
import {
  RTCDataChannel,
  RTCDataChannelParameters,
  RTCDtlsFingerprint,
  RTCDtlsParameters,
  RTCDtlsTransport,
  RTCIceGatherer,
  RTCIceTransport,
  RTCSctpTransport,
  isMedia,
  isRtcp,
  type RTCCertificate,
  type RtcpPacket,
  type RtpPacket,
  type SrtpProfile,
} from 'werift'
import { createIceLite } from './ice-lite.ts'
import { noticeRollover } from './srtp-rollover.ts'
import type { UdpSockets } from './udp-sockets.ts'

/** What every transport of the server needs. */
export interface TransportParts {
  sockets: UdpSockets
  certificate: RTCCertificate
  now(): number
  random(bytes: number): Buffer
  /** For the operator. */
  warn(fields: object, message: string): void
  /** A client's packets confused its own connection; nothing else is harmed. */
  onError(error: unknown): void
}

export interface PeerTransport {
  readonly local: { ufrag: string; password: string; fingerprint: string }
  readonly candidates: UdpSockets['candidates']
  readonly state: 'new' | 'connected' | 'failed' | 'closed'
  /** When the client was heard last; null: never. */
  readonly lastCheckAt: number | null
  /** The first one starts DTLS; a later offer with another ICE name restarts ICE. */
  setRemote(remote: RemoteParameters): void
  restartIce(): void
  sendRtp(header: RtpHeader, payload: Buffer): void
  sendRtcp(packet: Buffer): void
  /** Names of channels that are open for the client: made by it or by us. */
  createChannel(label: string, options: { id: number; isReliable: boolean }): void
  /**
   * On a channel that is not open yet, what has to arrive waits for it; the rest is lost. So is
   * what a client does not read.
   */
  sendData(label: string, data: Buffer, mustArrive: boolean): void
  startData(remotePort: number): void
  close(): void
}

export interface RemoteParameters {
  type: 'offer' | 'answer'
  ufrag: string
  fingerprint: { algorithm: string; value: string }
}

export interface PeerTransportEvents {
  connected(): void
  failed(): void
  rtp(packet: RtpPacket): void
  rtcp(packet: RtcpPacket): void
  data(label: string, data: Buffer): void
}

/** AEAD_AES_128_GCM first, then AES128_CM_HMAC_SHA1_80. */
const srtpProfiles: SrtpProfile[] = [0x0007, 0x0001]
export const maxDataMessageBytes = 65_535
const sctpPort = 5_000
/** A client that does not read is not fed any more. */
const maxBufferedBytes = 4_000_000
const maxWaitingBytes = 1_000_000

export function createPeerTransport(parts: TransportParts, on: PeerTransportEvents): PeerTransport {
  const ice = createIceLite(parts)
  const iceTransport = new RTCIceTransport(new RTCIceGatherer({ iceLite: true }))
  iceTransport.connection = ice.connection
  const dtls = new RTCDtlsTransport({}, iceTransport, parts.certificate, srtpProfiles)
  dtls.role = 'server'
  const sctp = new RTCSctpTransport(sctpPort, maxDataMessageBytes)
  sctp.setDtlsTransport(dtls)
  guardData(dtls, sctp, parts.onError)
  const channels = new Map<string, RTCDataChannel>()
  let state: PeerTransport['state'] = 'new'
  let remoteUfrag: string | null = null
  let isDataStarted = false
  let waiting: { label: string; data: Buffer }[] = []
  let waitingBytes = 0

  // Before werift's own listener, which comes with the handshake.
  ice.connection.onData.subscribe((packet) => {
    if (dtls.srtpStarted && isMedia(packet) && !isRtcp(packet))
      noticeRollover(dtls.srtp.remoteContext.srtpSSRCStates, packet)
  })
  dtls.onRtp.subscribe(on.rtp)
  dtls.onRtcp.subscribe(on.rtcp)
  sctp.onDataChannel.subscribe(adopt)

  function adopt(channel: RTCDataChannel): void {
    channels.set(channel.label, channel)
    channel.stateChange.subscribe((now) => {
      if (now === 'open') sendWaiting(channel)
    })
    channel.onMessage.subscribe((data) => {
      on.data(channel.label, typeof data === 'string' ? Buffer.from(data) : data)
    })
  }

  function sendWaiting(channel: RTCDataChannel): void {
    const ready = waiting.filter(({ label }) => label === channel.label)
    waiting = waiting.filter(({ label }) => label !== channel.label)
    waitingBytes = waiting.reduce((sum, { data }) => sum + data.length, 0)
    for (const { data } of ready) channel.send(data)
  }

  function setState(next: PeerTransport['state']): void {
    if (state === 'closed' || state === next) return
    state = next
    if (next === 'connected') on.connected()
    if (next === 'failed') on.failed()
  }

  function start(): void {
    dtls.start().then(
      () => {
        guardHandshake(dtls)
        setState('connected')
      },
      (error: unknown) => {
        if (state !== 'closed') parts.onError(error)
        setState('failed')
      },
    )
  }

  function close(): void {
    if (state === 'closed') return
    state = 'closed'
    dtls.onRtp.allUnsubscribe()
    dtls.onRtcp.allUnsubscribe()
    sctp.onDataChannel.allUnsubscribe()
    channels.clear()
    waiting = []
    void sctp
      .stop()
      .then(() => dtls.stop())
      .catch(parts.onError)
      .finally(() => {
        ice.close()
      })
  }

  return {
    get local() {
      const [fingerprint] = parts.certificate.getFingerprints()
      return { ufrag: ice.ufrag, password: ice.password, fingerprint: fingerprint?.value ?? '' }
    },
    get candidates() {
      return parts.sockets.candidates
    },
    get state() {
      return state
    },
    get lastCheckAt() {
      return ice.lastCheckAt
    },
    setRemote({ type, ufrag, fingerprint }) {
      const isFirst = remoteUfrag === null
      if (!isFirst && type === 'offer' && remoteUfrag !== ufrag) ice.restart()
      remoteUfrag = ufrag
      if (!isFirst) return
      const { algorithm, value } = fingerprint
      dtls.setRemoteParams(
        new RTCDtlsParameters([new RTCDtlsFingerprint(algorithm, value)], 'client'),
      )
      start()
    },
    restartIce: ice.restart,
    sendRtp(header, payload) {
      if (state === 'connected') ice.send(dtls.srtp.encrypt(payload, header))
    },
    sendRtcp(packet) {
      if (state === 'connected') ice.send(dtls.srtcp.encrypt(packet))
    },
    createChannel(label, { id, isReliable }) {
      const reliability = isReliable ? {} : { maxRetransmits: 0 }
      const parameters = { label, id, ordered: isReliable, ...reliability }
      adopt(new RTCDataChannel(sctp, new RTCDataChannelParameters(parameters)))
    },
    sendData(label, data, mustArrive) {
      const channel = channels.get(label)
      const isOpen = state === 'connected' && channel?.readyState === 'open'
      if (isOpen) {
        if (channel.bufferedAmount + data.length <= maxBufferedBytes) channel.send(data)
      } else if (mustArrive && state !== 'closed' && waitingBytes + data.length < maxWaitingBytes) {
        waiting.push({ label, data })
        waitingBytes += data.length
      }
    },
    startData(remotePort) {
      if (isDataStarted) return
      isDataStarted = true
      sctp.setRemotePort(remotePort)
      sctp.start(remotePort).catch(parts.onError)
    },
    close,
  }
}

/**
 * A connected werift DTLS would begin again on any unsigned hello, and end on any unsigned alert:
 * from now on only encrypted records reach it.
 */
function guardHandshake(dtls: RTCDtlsTransport): void {
  const socket = dtls.dtls?.transport.socket
  if (!socket) return
  const receive = socket.onData
  socket.onData = (packet, from) => {
    const epoch = packet.length > 4 ? packet.readUInt16BE(3) : 0
    if (epoch > 0) receive?.(packet, from)
  }
}

/**
 * werift leaves what goes wrong with a client's data to nobody, which would end the process: here
 * it is put aside.
 */
function guardData(
  dtls: RTCDtlsTransport,
  sctp: RTCSctpTransport,
  onError: (error: unknown) => void,
): void {
  const association = sctp.sctp
  // Both are private, and without types.
  const receiveMessage = sctp['datachannelReceive'] as (...message: Message) => Promise<void>
  const receivePacket = association['handleData'] as (packet: Buffer) => Promise<void>
  association.onReceive.allUnsubscribe()
  association.onReceive.subscribe((...message) => {
    receiveMessage(...message).catch(onError)
  })
  dtls.dataReceiver = (packet) => {
    receivePacket.call(association, packet).catch(onError)
  }
}

type Message = [streamId: number, protocolId: number, data: Buffer]
