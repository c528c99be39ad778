/** JSON that lies in a text column, to the letter and the same on both databases. */
import { Type } from '@mikro-orm/core'

export class JsonText extends Type<unknown, string> {
  override convertToDatabaseValue(value: unknown): string {
    return JSON.stringify(value)
  }

  override convertToJSValue(value: string): unknown {
    return JSON.parse(value)
  }

  override getColumnType(): string {
    return 'text'
  }
}
