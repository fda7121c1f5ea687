// Comparing two arms: classical tests for one look, sequential ones for many.
export { addHistograms, countOf, type Histogram, HistogramRecorder, quantile } from './histogram.ts'
export { mannWhitney, type Sample, twoProportions, welch } from './one-look.ts'
export { meansDiffer, quantileBounds, shareAbove, sharesDiffer } from './sequential.ts'
