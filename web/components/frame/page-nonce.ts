/** The nonce that the server gave this page: `<style>` elements made by scripts must carry it. */
export function pageNonce(): string | undefined {
  // Browsers hide the attribute from selectors and keep the property.
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce || undefined
}
