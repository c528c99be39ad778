/** What the installation knows of itself: its id, its key's fingerprint, the first room. */
import { defineEntity, p } from '@mikro-orm/core'

export const SettingEntity = defineEntity({
  name: 'Setting',
  tableName: 'settings',
  properties: {
    name: p.string().primary(),
    value: p.text(),
  },
})
