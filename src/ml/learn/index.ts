// What the rest of the code may know of learning.
export { ALGORITHMS, type AlgorithmName } from './algorithms.ts'
export type {
  Algorithm,
  ClassTarget,
  FitInput,
  FittedModel,
  Learner,
  LearningHooks,
  LearningProgress,
  LearningTarget,
  LearningTask,
  NumberTarget,
  Scores,
} from './learner.ts'
