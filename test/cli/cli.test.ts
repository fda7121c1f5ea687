import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aTable, toCsv } from '../helpers/builders.ts'
import { cli } from '../helpers/cli.ts'
import { withoutSettings } from '../helpers/settings.ts'
import { AGE_AND_INCOME, mlflowFolder } from '../mlflow.ts'
import { addModel, twoClassModel, wideModel } from '../runtime-models.ts'

withoutSettings()

let folder = ''
const path = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-cli-'))
  await writeFile(path('customers.csv'), toCsv(aTable()))
  await writeFile(path('adder.onnx'), addModel(1))
  await writeFile(path('adder2.onnx'), addModel(2))
  await writeFile(path('two.onnx'), twoClassModel())
  await writeFile(path('wide.onnx'), wideModel())
  const contract = (max: number) =>
    JSON.stringify({
      columns: [
        { name: 'age', dtype: 'integer', max },
        { name: 'income', dtype: 'number' },
        { name: 'city', dtype: 'string' },
        { name: 'bought', dtype: 'integer', nullable: false },
      ],
      target: 'bought',
    })
  await writeFile(path('good.json'), contract(120))
  await writeFile(path('strict.json'), contract(30))
  await writeFile(path('broken.json'), '{"columns": ')
  await writeFile(path('rows.jsonl'), '{"x": 1}\n\n{"x": "bad"}\n{"x": 3}\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the command line against a running service', () => {
  let app: TestApp
  let url = ''
  beforeAll(async () => {
    app = await startApp()
    url = await app.app.listen({ port: 0 })
  })
  afterAll(() => app.stop())

  const run = (...argv: string[]) => cli('--url', url, ...argv)
  const json = async (...argv: string[]) => {
    const said = await run('--json', ...argv)
    expect({ code: said.code, err: said.err }).toEqual({ code: 0, err: '' })
    return said.json
  }

  it('trains on a file, says how it goes, and ends with the figures', async () => {
    const { code, out, err } = await run('train', path('customers.csv'), '--target', 'bought')
    expect(code).toBe(0)
    expect(err).toMatch(/Uploading .*customers\.csv[\s\S]*Dataset dataset_\w+: 120 rows, 4 columns[\s\S]*\d+%/)
    expect(out).toMatch(/metric +value[\s\S]*\nf1 +0\.\d+[\s\S]*Version 1\.0\.0 is live in "production": first version/)
    const shown = await run('models', 'evaluation', 'customers', '1.0.0')
    expect(shown.out).toMatch(/96 rows learned, 24 held out \(stratified, seed 42\)/)
    expect(shown.out).toMatch(/f1 +0\.\d+ +0\.\d+[\s\S]*class +precision +recall[\s\S]*Gate: promoted: first version/)
  })

  it('trains with settings, and gives one JSON document', async () => {
    const trained = await json(
      'train',
      path('customers.csv'),
      '--name',
      'tuned',
      '--target',
      'bought',
      '--set',
      'l2=0.5',
      '--seed',
      '7',
      '--no-promote',
      '--features',
      'age',
      'city',
    )
    expect(trained).toMatchObject({
      job: { status: 'succeeded', hyperparameters: { l2: 0.5 } },
      version: { status: 'trained', lineage: { seed: 7 }, signature: { inputs: [{ name: 'age' }, { name: 'city' }] } },
    })
  })

  it('returns at once with --no-wait; the job can be followed, listed, shown and cancelled', async () => {
    const accepted = await json('train', path('customers.csv'), '--target', 'bought', '--name', 'later', '--no-wait')
    const job = String(accepted.job_id)
    expect((await run('jobs', 'follow', job)).code).toBe(0)
    expect(await json('jobs', 'show', job)).toMatchObject({ id: job, status: 'succeeded' })
    expect(await json('jobs', 'list', '--status', 'succeeded')).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ id: job })]),
    })
    expect((await run('jobs', 'list')).out).toMatch(/id +model_id +version +status +done +message/)
    const cancel = await run('jobs', 'cancel', job)
    expect(cancel).toMatchObject({ code: 2, out: '', err: expect.stringContaining('already succeeded') })
  })

  it('fails with 2 where the data cannot be learned from', async () => {
    await writeFile(path('one-class.csv'), toCsv(aTable().map((row) => ({ ...row, bought: 1 }))))
    const said = await run('train', path('one-class.csv'), '--target', 'bought')
    expect(said).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/Training failed: Column "bought" has the single value/),
    })
  })

  it('predicts one row, given as JSON or as column=value', async () => {
    const row = '{"age": 60, "income": 90000, "city": "Oslo"}'
    expect((await run('predict', 'customers', row)).out).toMatch(/^1 {2}\(\d+\.\d %\)\n$/)
    const answer = await json('predict', 'customers', 'age=60', 'income=90000', 'city=Oslo')
    expect(answer).toMatchObject({ prediction: 1, version: '1.0.0' })
    expect(await json('predict', 'customers', '[60, 90000, "Oslo"]')).toMatchObject({
      probabilities: answer.probabilities,
    })
  })

  it('says every wrong column on a line of its own', async () => {
    const said = await run('predict', 'customers', 'age=old', 'height=3')
    expect(said.code).toBe(2)
    expect(said.err.split('\n')).toEqual(
      expect.arrayContaining([
        '  input_data.age must be a number',
        '  input_data.city is required',
        '  input_data.height is not a column of this model',
      ]),
    )
    const document = await run('--json', 'predict', 'customers', 'age=old')
    expect(document).toMatchObject({
      code: 2,
      err: '',
      json: { error_code: 'VALIDATION_ERROR', details: { errors: expect.any(Array) } },
    })
  })

  it('imports, promotes, deploys and rolls back', async () => {
    const imported = await run('import', 'adder', path('adder.onnx'), '--type', 'regression')
    expect(imported.out).toMatch(
      /Version 1\.0\.0 of adder takes x: number\nMake it live: modelyard promote adder 1\.0\.0/,
    )
    expect(await json('import', 'adder', path('adder2.onnx'), '--model-version', '2.0.0')).toMatchObject({
      version: '2.0.0',
    })
    expect((await run('promote', 'adder', '1.0.0', '--reason', 'first')).out).toBe(
      'adder 1.0.0 is live in "production"\n',
    )
    expect((await run('promote', 'adder', '2.0.0')).out).toBe(
      'adder 2.0.0 is live in "production", in place of 1.0.0\n',
    )
    expect(await json('deploy', 'adder', '1.0.0', '--environment', 'staging')).toMatchObject({ environment: 'staging' })
    expect(await json('predict', 'adder', 'x=1')).toMatchObject({ prediction: 3 })
    expect(await json('predict', 'adder', 'x=1', '--environment', 'staging')).toMatchObject({ prediction: 2 })
    expect(await json('predict', 'adder', 'x=1', '--model-version', '1.0.0')).toMatchObject({ prediction: 2 })
    expect(await json('rollback', 'adder', '--reason', 'worse')).toMatchObject({ version: '1.0.0', reason: 'worse' })
    const twice = await run('promote', 'adder', '1.0.0')
    expect(twice).toMatchObject({ code: 2, err: expect.stringContaining('already live') })
    const classes = await json('import', 'two', path('two.onnx'), '--labels', 'no', 'yes')
    expect(classes).toMatchObject({ signature: { outputs: [{ categories: ['no', 'yes'] }, {}] } })
  })

  it('imports the folder of a model of MLflow, whatever lies in it', async () => {
    const deep = 'a-folder-with-a-very-long-name/'.repeat(4)
    const files = mlflowFolder(twoClassModel(), { inputs: AGE_AND_INCOME }, { [`code/${deep}x.py`]: 'x'.repeat(700) })
    for (const [name, content] of Object.entries(files)) {
      const place = path(`mlflow/${name}`)
      await mkdir(dirname(place), { recursive: true })
      await writeFile(place, content)
    }
    await symlink('/etc/passwd', path('mlflow/link'))
    const { out } = await run('import', 'logged', path('mlflow'))
    expect(out).toContain('Version 1.0.0 of logged takes age: integer, income: number')
    expect((await run('models', 'show', 'logged')).code).toBe(0)
  })

  it('lets a version take a share of the traffic, shows how it stands, and ends it', async () => {
    await run('import', 'shared', path('adder.onnx'), '--type', 'regression')
    await run('import', 'shared', path('adder2.onnx'), '--model-version', '2.0.0')
    await run('promote', 'shared', '1.0.0')
    const limits = ['--max-error-rate', '0.1', '--min-requests', '30', '--bake', '60', '--auto-promote']
    expect((await run('deploy', 'shared', '2.0.0', '--canary', '100', '--sticky-by', 'x', ...limits)).out).toBe(
      'shared 2.0.0 answers 100 % of the requests in "production", beside 1.0.0\n',
    )
    expect(await json('predict', 'shared', 'x=1')).toMatchObject({ prediction: 3 })
    expect(await json('rollout', 'show', 'shared')).toMatchObject({
      type: 'canary',
      strategy: {
        percent: 100,
        sticky_by: 'x',
        bake_seconds: 60,
        auto_promote: true,
        limits: { max_error_rate: 0.1, min_requests: 30 },
      },
    })
    expect((await run('rollout', 'show', 'shared')).out).toMatch(/live +1\.0\.0 .*\ncanary +2\.0\.0 /)
    expect((await run('rollback', 'shared')).out).toBe(
      'shared 1.0.0 answers alone in "production"; 2.0.0 was rolled back\n',
    )
    expect((await run('deploy', 'shared', '2.0.0', '--shadow')).out).toContain('is run on copies of 100 % of')
    expect(await json('predict', 'shared', 'x=1')).toMatchObject({ prediction: 2 })
  })

  it.each([
    [['--canary', '10', '--shadow'], '--canary and --shadow exclude each other'],
    [['--canary', 'ten'], '--canary must be a number, not "ten"'],
    [['--bake', '60'], 'add --canary or --shadow'],
  ])('refuses a roll-out that makes no sense: %s', async (options, message) => {
    const refused = await run('deploy', 'shared', '2.0.0', ...options)
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining(message) })
  })

  it('makes a smaller copy of a version, and says what it costs', async () => {
    await run('import', 'wide', path('wide.onnx'), '--type', 'custom')
    const { code, out } = await run('quantize', 'wide', '1.0.0', '--max-loss', '0.01')
    expect(code).toBe(0)
    expect(out).toMatch(/^Version 1\.1\.0 of wide has 4096 INT8 weights \(MatMul 1\) and is trained: there are no rows/)
    expect(out).toMatch(/\nsize_bytes +\d+ +\d+ +0\.[23]/)
    expect(out).toMatch(/\nms for 1 row +/)
    const half = await json('quantize', 'wide', '1.0.0', '--precision', 'fp16', '--no-promote', '--as', '4.0.0')
    expect(half).toMatchObject({ version: '4.0.0', quantization: { precision: 'fp16', gate: null } })
    expect(await run('quantize', 'adder', '1.0.0')).toMatchObject({
      code: 2,
      err: expect.stringContaining('cannot be quantized'),
    })
  })

  it('predicts every row of a file', async () => {
    const { code, out } = await run('predict', 'adder', '--file', path('rows.jsonl'))
    expect(code).toBe(0)
    expect(
      out
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toEqual([{ prediction: 2 }, { prediction: null, error: 'x must be a number' }, { prediction: 4 }])
  })

  it('shows models, versions, history and differences', async () => {
    expect((await run('models', 'list')).out).toMatch(/name +type +target +latest_version +deployments +id/)
    const shown = await json('models', 'show', 'adder')
    expect(shown).toMatchObject({ model: { name: 'adder' }, versions: [{ version: '2.0.0' }, { version: '1.0.0' }] })
    expect((await run('models', 'history', 'adder')).out).toMatch(/rollback +1\.0\.0 +2\.0\.0 +anonymous +worse/)
    expect(await json('models', 'compare', 'adder', '1.0.0', '2.0.0')).toMatchObject({
      a: { version: '1.0.0' },
      same_dataset: false,
    })
    expect(await json('models', 'download', 'adder', '1.0.0', path('saved.onnx'))).toMatchObject({
      file: path('saved.onnx'),
    })
    expect((await readFile(path('saved.onnx'))).equals(addModel(1))).toBe(true)
    expect((await run('models', 'delete', 'two')).code).toBe(0)
    expect((await run('models', 'delete', 'adder')).code).toBe(2)
    expect((await run('models', 'delete', 'adder', '--force')).code).toBe(0)
  })

  it('uploads, lists, shows, validates and deletes datasets', async () => {
    const upload = ['datasets', 'upload', path('customers.csv'), '--name', 'mine', '--contract']
    const { id } = (await json(...upload, path('good.json'))) as { id: string }
    const refused = await run(...upload, path('strict.json'))
    expect(refused).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/row \d+, column "age", max, "\d+"/) })
    expect(await json('datasets', 'list', '--limit', '1')).toMatchObject({ items: [{ id, name: 'mine', rows: 120 }] })
    expect((await run('datasets', 'show', id)).out).toMatch(/mine: 120 rows, target bought[\s\S]*name +dtype +nulls/)
    const rows = await run('datasets', 'rows', id, '--limit', '2')
    expect(rows.out.trim().split('\n')).toHaveLength(4)
    expect((await run('datasets', 'validate', id, '--contract', path('good.json'))).out).toBe(
      'The dataset keeps the contract\n',
    )
    expect((await run('datasets', 'delete', id)).out).toBe(`${id} is deleted\n`)
    expect((await run('datasets', 'show', id)).code).toBe(2)
  })

  it('gives one document with --json also where a dataset breaks a contract, and 2', async () => {
    const { id } = (await json('datasets', 'upload', path('customers.csv'))) as { id: string }
    const document = await run('--json', 'datasets', 'validate', id, '--contract', path('strict.json'))
    expect(document).toMatchObject({ code: 2, json: { valid: false, counts: [{ column: 'age', rule: 'max' }] } })
    const shown = await run('datasets', 'validate', id, '--contract', path('strict.json'))
    expect(shown).toMatchObject({
      code: 2,
      out: expect.stringMatching(/breaks the contract[\s\S]*row +column +rule +value/),
    })
  })

  it.each([
    ['upload', () => ['datasets', 'upload', path('nowhere.csv')]],
    ['train', () => ['train', path('nowhere.csv'), '--target', 'x']],
    ['import', () => ['import', 'x', path('nowhere.onnx')]],
    ['predict', () => ['predict', 'customers', '--file', path('nowhere.jsonl')]],
    ['a contract', () => ['datasets', 'upload', path('customers.csv'), '--contract', path('nowhere.json')]],
  ])('takes a file that is not there for the mistake that it is (%s)', async (_, argv) => {
    const said = await run(...argv())
    expect(said).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/Cannot read .*nowhere/) })
  })

  it.each([
    ['an unknown command', ['fly']],
    ['an unknown command of a group', ['models', 'fly']],
    ['an unknown option', ['models', 'list', '--fast']],
    ['a missing argument', ['predict']],
    ['a choice that is none', ['train', 'x.csv', '--type', 'magic']],
    ['no row', ['predict', 'customers']],
    ['a row that is no JSON', ['predict', 'customers', '{"age": ']],
    ['an assignment that is none', ['predict', 'customers', 'age']],
    ['an unknown model', ['models', 'show', 'nobody']],
    ['a contract that is no JSON', ['datasets', 'upload', 'CUSTOMERS', '--contract', 'BROKEN']],
    ['a number that is none', ['datasets', 'list', '--limit', 'many']],
    ['a folder that cannot be written to', ['models', 'download', 'customers', '1.0.0', '/nowhere/at/all.onnx']],
  ])('ends with 2 for %s', async (_, argv) => {
    const words = argv.map((word) =>
      word === 'CUSTOMERS' ? path('customers.csv') : word === 'BROKEN' ? path('broken.json') : word,
    )
    const said = await run(...words)
    expect({ code: said.code, out: said.out }).toEqual({ code: 2, out: '' })
    expect(said.err.length).toBeGreaterThan(5)
  })

  it('lists page by page', async () => {
    await app.client.models.create({ name: 'second', type: 'regression' })
    const first = await run('models', 'list', '--limit', '1')
    const cursor = /--cursor (\S+)/.exec(first.err)?.[1]
    const then = await json('models', 'list', '--limit', '1', '--cursor', String(cursor))
    expect([first.out.includes('second'), JSON.stringify(then).includes('second')]).toEqual([true, false])
  })

  it('lists where a group is named alone', async () => {
    expect(await json('models')).toEqual(await json('models', 'list'))
  })

  it('acts as the tenant it is told to', async () => {
    expect(await json('--tenant', 'acme', 'models', 'list')).toEqual({ items: [], next_cursor: null })
    expect((await run('--tenant', 'a b', 'models', 'list')).code).toBe(2)
  })

  it('finds the service that runs on a data folder by itself', async () => {
    const { code, out } = await cli('--data-dir', app.dataDir, '--json', 'models', 'list')
    expect(code).toBe(0)
    expect(out).toContain('"customers"')
  })

  it('is well', async () => {
    const { code, out } = await run('doctor')
    expect(code).toBe(0)
    for (const name of ['node', 'config', 'data folder', 'service', 'database', 'objects', 'bus', 'cache'])
      expect(out).toMatch(new RegExp(`^ok +${name} `, 'm'))
    expect(out).not.toContain('BAD')
  })

  it('helps', async () => {
    const { code, out } = await cli('--help')
    expect(code).toBe(0)
    for (const command of [
      'serve',
      'worker',
      'train',
      'promote',
      'deploy',
      'rollback',
      'predict',
      'datasets',
      'models',
      'jobs',
      'import',
      'demo',
      'doctor',
      'config',
    ])
      expect(out).toMatch(new RegExp(`^ {2}${command} `, 'm'))
    expect((await cli('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect((await cli('train', '--help')).code).toBe(0)
  })
})
