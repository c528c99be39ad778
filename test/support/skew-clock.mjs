/** `node --import`: this process's clock is `SKEW_MS` ahead of the machine's. */
const skewMs = Number(process.env.SKEW_MS)
const Machine = Date

globalThis.Date = class Date extends Machine {
  constructor(...given) {
    super(...(given.length === 0 ? [Machine.now() + skewMs] : given))
  }

  static now() {
    return Machine.now() + skewMs
  }
}
