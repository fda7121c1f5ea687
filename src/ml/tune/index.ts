// What the rest of the code may know of tuning.
export { pointOf, type Space, settingsAt } from './space.ts'
export { spaceOf } from './spaces.ts'
export { figuresOf, isHopeless, winner } from './standings.ts'
export { suggest, type Tried } from './tpe.ts'
