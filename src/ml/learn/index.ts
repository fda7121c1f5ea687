// What the rest of the code may know of learning.
export { ALGORITHMS, type AlgorithmName } from './algorithms.ts'
export { answersOf, preferences } from './answers.ts'
export type { Algorithm, ClassTarget, FittedModel, Learner } from './learner.ts'
export { fillSettings } from './settings.ts'
export { USUAL_ROUNDS } from './trees/choose-rounds.ts'
