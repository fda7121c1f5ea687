// Where the best split of a feature is written down: a row of numbers that threads and the WebAssembly kernel can share.

/** Fields of a record. No split is a gain of -Infinity. */
export const GAIN = 0
/** The last bin that goes left; -1 for a category split. */
export const BIN = 1
export const MISSING_LEFT = 2
export const LEFT_GRADIENT = 3
export const LEFT_HESSIAN = 4
/** l2 of the values of the two parts. */
export const L2_USED = 5
