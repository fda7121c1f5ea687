// The face of the encoders: columns in, features and the graph that computes them out.
export type { DroppedColumn } from './block.ts'
export { encodeTable, type FetchedTensor, type RunGraph } from './encode-table.ts'
export { type Encoding, fitEncoding, type TrainingGraph, type TrainingPart } from './encoding.ts'
export { columnFeeds, type EncodingInput, encodingInput, type Feeds, type FeedTensor, rowFeeds } from './feeds.ts'
export { ENCODING_DEFAULTS, type EncodingChoices, type EncodingOptions, type TextOptions } from './options.ts'
