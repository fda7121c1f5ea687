// The child process of the kill test: replaces one object for ever with bodies of one repeated byte, saying when each is in.
import { openObjects } from '../../src/ports/objects/open.ts'

const [path = '', bytes = '0'] = process.argv.slice(2)
const objects = await openObjects({ storage: 'local', path })
for (let round = 0; ; round++) {
  const letter = 97 + (round % 26)
  const piece = Buffer.alloc(Number(bytes) / 16, letter)
  const body = async function* () {
    for (let i = 0; i < 16; i++) yield piece
  }
  await objects.put('models/a/CURRENT', body())
  await objects.put(`models/a/${round}/model`, body())
  process.stdout.write(`${round}\n`)
}
