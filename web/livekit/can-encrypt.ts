/**
 * Whether this browser can encrypt calls (R44). The same two ways as the SDK's own check, here
 * without loading it: the call button must know before anybody joins.
 */
export function canEncrypt(): boolean {
  return (
    window.isSecureContext &&
    'RTCPeerConnection' in window &&
    ('RTCRtpScriptTransform' in window ||
      ('RTCRtpSender' in window && 'createEncodedStreams' in RTCRtpSender.prototype))
  )
}
