// All migrations, in order. A migration that has been released is never edited; a new one is added.
import type { Migration } from 'kysely/migration'
import { up as foundation } from './0001-foundation.ts'
import { up as tuning } from './0002-tuning.ts'
import { up as traffic } from './0003-traffic.ts'
import { up as batch } from './0004-batch.ts'
import { up as features } from './0005-features.ts'
import { up as webhooks } from './0006-webhooks.ts'
import { up as schedules } from './0007-schedules.ts'
import { up as trust } from './0012-trust.ts'
import { up as featureRevisions } from './0013-feature-revisions.ts'
import { up as idempotencyLeases } from './0014-idempotency-leases.ts'
import { up as interactionsOfItems } from './0016-interactions-of-items.ts'
import { up as webhookSecrets } from './0017-webhook-secrets.ts'
import { up as batchDeaths } from './0018-batch-deaths.ts'
import { up as trainingWithoutDataset } from './0019-training-without-dataset.ts'

export const migrations: Readonly<Record<string, Migration>> = {
  '0001-foundation': { up: foundation },
  '0002-tuning': { up: tuning },
  '0003-traffic': { up: traffic },
  '0004-batch': { up: batch },
  '0005-features': { up: features },
  '0006-webhooks': { up: webhooks },
  '0007-schedules': { up: schedules },
  '0012-trust': { up: trust },
  '0013-feature-revisions': { up: featureRevisions },
  '0014-idempotency-leases': { up: idempotencyLeases },
  '0016-interactions-of-items': { up: interactionsOfItems },
  '0017-webhook-secrets': { up: webhookSecrets },
  '0018-batch-deaths': { up: batchDeaths },
  '0019-training-without-dataset': { up: trainingWithoutDataset },
}
