// A process that does nothing but live: the floor of cancel.ts.
process.send?.('ready')
setInterval(() => {}, 1000)
