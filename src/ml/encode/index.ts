// The face of the encoders: columns in, features and the graph that computes them out.
export { encodeTable } from './encode-table.ts'
export { type Encoding, fitEncoding } from './encoding.ts'
export { columnFeeds } from './feeds.ts'
export type { EncodingChoices, EncodingPlan } from './options.ts'
