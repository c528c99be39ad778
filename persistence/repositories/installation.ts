/** What the installation knows of itself. */
import type { Database } from '../database.ts'
import { SettingEntity } from '../entities/settings.ts'
import type { InstallationStore } from '../store.ts'

export function createInstallationStore(
  database: Database,
  newInstallationId: () => string,
): InstallationStore {
  async function get(name: string): Promise<string | undefined> {
    const row = await database.read((em) => em.findOne(SettingEntity, { name }))
    return row?.value
  }

  /** Of two processes at once, one value is kept, and both get that. */
  async function keepFirst(name: string, value: string): Promise<string> {
    await database.write(({ sql }) =>
      sql(`insert into settings (name, value) values (?, ?) on conflict do nothing`, [name, value]),
    )
    return (await get(name)) ?? value
  }

  return {
    get,
    id: async () =>
      (await get('installation-id')) ?? (await keepFirst('installation-id', newInstallationId())),
    async acceptKeyFingerprint(fingerprint) {
      return (await keepFirst('key-fingerprint', fingerprint)) === fingerprint
    },
    async set(name, value) {
      await database.write(({ sql }) =>
        sql(
          `insert into settings (name, value) values (?, ?)
           on conflict (name) do update set value = excluded.value`,
          [name, value],
        ),
      )
    },
  }
}
