/** A worker that is ready for work and does none. */
process.stdout.write('idle worker ready\n')
setInterval(() => undefined, 60_000)
process.on('SIGTERM', () => process.exit(0))
