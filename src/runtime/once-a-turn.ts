/** Does `work` at the end of a turn of the event loop, once, however often it is asked for in it. */
export function onceATurn(atTurnsEnd: (work: () => void) => void, work: () => void): () => void {
  let asked = false
  const doIt = () => {
    asked = false
    work()
  }
  return () => {
    if (asked) return
    asked = true
    atTurnsEnd(doIt)
  }
}
