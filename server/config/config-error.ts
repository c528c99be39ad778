/** The configuration cannot be used: one line for a person, which never holds a secret's value. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}
