// The file CURRENT of a model that is deleted while it is written.
import { expect, it } from 'vitest'
import { syncPointers } from '../../src/domain/models/index.ts'
import type { Objects } from '../../src/ports/objects/index.ts'
import { startApp } from '../helpers/app.ts'
import { storedKeys } from '../helpers/files.ts'
import { addModel } from '../runtime-models.ts'

it('does not outlive its model', async () => {
  await using app = await startApp({ worker: false })
  const { services } = app.app
  const { id: model_id } = await app.client.models.create({ name: 'pointed', type: 'regression' })
  const { version } = await app.client.versions.import({ model_id, file: addModel(5), trusted: true })
  await app.client.models.deploy({ model_id, version })
  let deleted = false
  const objects: Objects = {
    ...services.objects,
    async put(...file) {
      deleted = true
      await app.client.models.delete({ model_id, force: true })
      return services.objects.put(...file)
    },
  }
  // The service itself may write the file in between.
  while (!deleted) {
    await services.db.system((tx) => tx.updateTable('live_versions').set({ pointer_version: null }).execute())
    await syncPointers({ ...services, objects })
  }
  expect((await storedKeys(app)).filter((key) => key.includes(model_id))).toEqual([])
})
