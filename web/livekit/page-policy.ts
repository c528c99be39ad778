/**
 * Whether the page's own content security policy keeps it from the media server. It was fixed when the
 * page was loaded: a server whose LiveKit is turned on, or moves, serves another one from then on.
 */
export interface PagePolicy {
  isInTheWay(): boolean
  stop(): void
}

export function watchPagePolicy(): PagePolicy {
  let isInTheWay = false
  function hear({ effectiveDirective }: SecurityPolicyViolationEvent): void {
    if (effectiveDirective === 'connect-src') isInTheWay = true
  }
  document.addEventListener('securitypolicyviolation', hear)
  return {
    isInTheWay: () => isInTheWay,
    stop: () => document.removeEventListener('securitypolicyviolation', hear),
  }
}
