import { Command, Option } from 'commander'

/**
 * The command line. Every command's own code is loaded when it is called, so that `lab --help` stays fast.
 * Data goes to stdout, everything else to stderr.
 */
export const lab = new Command('lab')
  .description('Brings an event-ingest system up in every broker variant, drives load at it, and accounts for every event.')
  .version(process.env.LAB_VERSION ?? '0.5.0')
  .showHelpAfterError('(lab --help shows what there is)')
  .showSuggestionAfterError()
  .configureOutput({ writeErr: (text) => process.stderr.write(text) })
  .exitOverride()

const collect = (value: string, before: string[]) => [...before, value]
const arch = () => new Option('-a, --arch <id>', 'architecture: lab list architectures').makeOptionMandatory()
const set = () => new Option('-s, --set <knob=value>', 'set a knob, again for more: lab list knobs').argParser(collect).default([], 'none')
const runtime = () => new Option('--runtime <name>', 'what the services run on: docker, or local for plain processes (default: LAB_RUNTIME, else docker where an engine has the images)').choices(['docker', 'local'])
const results = () => new Option('--results <folder>', 'where the folders of runs are').default('results')
const compose = () => new Option('--compose <file>', 'a further compose file, merged last; again for more').argParser(collect).default([], 'none')

const observe = (command: Command) =>
  command
    .option('--observe', 'metrics, alerts, logs and traces beside it: prometheus, and in docker grafana, loki and tempo')
    .option('--traces <n>', 'with --observe: trace one event in n (default: 50)')

const picture = (command: Command) =>
  command
    .option('--plain', 'lines of text instead of the live picture')
    .option('--no-tui', 'the same as --plain')
    .option('--json', 'every event of the run as a line of JSON on stdout')

observe(picture(
  lab
    .command('run')
    .description('run a scenario against an architecture, and account for every event')
    .argument('<scenario>', 'of the lab (lab list scenarios), or a file of your own (./lunch.yaml)')
    .addOption(arch())
    .option('-r, --rate <per second>', 'base rate in arrivals per second; phases are multiples of it')
    .option('-d, --duration <time>', 'stretch the load to this length: 90, 90s, 5m, 1h')
    .option('-c, --connections <n>', 'keep-alive connections of the injector')
    .option('--subscribers <n>', 'WebSocket subscribers of the dashboard')
    .option('--retries <n>', 'further attempts with the same id when an order is refused with 503 or its fate is unknown')
    .option('--seed <n>', 'seed of bodies and arrivals (default: random, in the report)')
    .option('--history <orders>', 'orders of the last 30 days that are there before the load begins: 500000, 500k, 10M')
    .addOption(new Option('--fault <fault:service@at+for>', 'break a service, or the way to it, while the load goes on: kill:worker@20s, pause:redis@20s+10s, latency:kafka=200ms±50ms@20s+10s; again for more (lab list faults)').argParser(collect).default([], 'none'))
    .addOption(set())
    .addOption(runtime())
    .addOption(results())
    .addOption(compose()),
))
  .addHelpText('after', `\nExit codes: 0 passed, 2 bad usage, 3 something missing on this machine, 4 expectation failed or service died,\n6 INVALID, 7 data lost, duplicated or miscounted, 130/143 interrupted.\n`)
  .action(async (scenario, options) => (await import('./commands/run.ts')).runCommand(scenario, options))

observe(lab
  .command('up')
  .description('bring an architecture up and keep it running, to try it by hand')
  .addOption(arch())
  .option('-p, --port <n>', 'port of the API', '8005')
  .addOption(set())
  .addOption(runtime())
  .addOption(compose())
  .option('--json', 'print what is up as JSON'))
  .action(async (options) => (await import('./commands/up.ts')).upCommand(options))

lab
  .command('down')
  .description('stop what lab up started')
  .option('-a, --arch <id>', 'only this architecture')
  .action(async (options) => (await import('./commands/down.ts')).downCommand(options))

lab
  .command('seed')
  .description('fill what lab up keeps running with history; again for more')
  .addOption(arch())
  .option('-n, --orders <n>', 'how many: 500000, 500k, 10M', '1M')
  .option('--days <n>', 'how far back they are spread', '30')
  .option('--seed <n>', 'seed of their bodies (default: random)')
  .option('--json', 'the result as JSON')
  .action(async (options) => (await import('./commands/seed.ts')).seedCommand(options))

lab
  .command('dlq')
  .description('events that could not be stored, in what lab up keeps running: look at them, send them again, throw them away')
  .argument('<action>', 'list | inspect <id> | replay | purge')
  .argument('[ids...]', 'of inspect, replay and purge: dlq list shows them')
  .addOption(arch())
  .option('--all', 'replay or purge all of them')
  .option('-y, --yes', 'purge without asking; needed where there is no terminal')
  .option('--limit <n>', 'list so many at most', '100')
  .option('--json', 'the result as JSON')
  .addHelpText('after', '\nA replayed event keeps workspace, project and idempotency key. Interrupted at any moment, none is lost: one is taken away\nonly once it is in again.\n')
  .action(async (action, ids, options) => (await import('./commands/dlq.ts')).dlqCommand(action, ids, options))

observe(lab
  .command('keep', { hidden: true })
  .requiredOption('-a, --arch <id>')
  .requiredOption('-p, --port <n>')
  .addOption(set())
  .addOption(runtime())
  .addOption(compose()))
  .action(async (options) => (await import('./commands/keep.ts')).keepCommand(options))

picture(
  lab
    .command('watch')
    .description('the live picture of a run that goes on elsewhere, from its folder')
    .argument('[run]', 'id, start of an id, or folder', 'latest')
    .addOption(results()),
).action(async (run, options) => (await import('./commands/watch.ts')).watchCommand(run, options))

lab
  .command('list')
  .description('architectures, scenarios, faults, knobs or past runs')
  .argument('[what]', 'architectures | scenarios | faults | knobs | runs', 'all')
  .option('-a, --arch <id>', 'knobs of this architecture only')
  .option('--json', 'as JSON')
  .addOption(results())
  .action(async (what, options) => (await import('./commands/list.ts')).listCommand(what, options))

lab
  .command('report')
  .description("make a run's reports again, from its folder alone")
  .argument('[run]', 'id, start of an id, or folder', 'latest')
  .option('-f, --format <names>', 'json, md, html, junit, openmetrics, or all; several with commas between (default: all but openmetrics)')
  .option('--stdout', 'print the report instead of its path')
  .addOption(results())
  .action(async (run, options) => (await import('./commands/report.ts')).reportCommand(run, options))

lab
  .command('compare')
  .description('runs against runs: regressed, improved, equivalent or inconclusive, metric by metric')
  .argument('<runs...>', 'id, start of an id, or folder; again for more')
  .requiredOption('--against <runs...>', 'what they are held against')
  .option('--paired', 'the first of one side ran beside the first of the other, and so on: what drifts cancels')
  .option('--json', 'as JSON')
  .addOption(results())
  .addHelpText('after', '\nThe unit is the run: name at least 5 a side. Exit codes: 0 equivalent or improved, 2 not comparable, 5 regressed,\n6 inconclusive, 7 one of the runs lost, duplicated or miscounted data.\n')
  .action(async (runs, options) => (await import('./commands/compare.ts')).compareCommand(runs, options))

lab
  .command('bench')
  .description('two states of the code, built apart and run in pairs in one sitting: does the change make anything slower?')
  .requiredOption('--base <ref>', 'commit, branch or tag that is held against')
  .option('--head <ref>', 'what is judged; . is the working tree as it is', '.')
  .option('-a, --arch <id>', 'architecture', 'v2')
  .option('--scenario <id>', 'what is run', 'baseline')
  .option('--pairs <n>', 'pairs of runs, fixed before the first', '10')
  .option('--same-pairs <n>', 'pairs of the base with itself among them, to see how far the machine can be trusted', '3')
  .option('-d, --duration <time>', 'of the load of each run', '25s')
  .option('-r, --rate <per second>', 'base rate (default: 30 % of the saturation of a first run)')
  .addOption(set())
  .option('--seed <n>', 'of order, arrivals and bodies (default: random)')
  .addOption(results())
  .option('--json', 'the comparison as JSON')
  .addHelpText('after', '\nExit codes: 0 equivalent or improved, 2 bad usage or a build that fails, 5 regressed, 6 inconclusive, 7 the head loses, duplicates\nor miscounts data. Beside the runs: comparison.md, comparison.json, and what github-action-benchmark reads.\n')
  .action(async (options) => (await import('./commands/bench.ts')).benchCommand(options))

lab
  .command('matrix')
  .description('every scenario on every architecture, side by side with cost and targets; goes on where it was interrupted')
  .requiredOption('-a, --arch <ids>', 'architectures, with commas between')
  .requiredOption('--scenario <ids>', 'scenarios, with commas between')
  .option('--name <name>', 'of its folder in the results', 'matrix')
  .option('-r, --rate <per second>', 'base rate of all (default: that of each scenario)')
  .option('-d, --duration <time>', 'of the load of each run')
  .option('--history <orders>', 'as in lab run')
  .option('--seed <n>', 'seed of all (default: random)')
  .option('--prices <file>', 'JSON with other prices and assumptions')
  .option('--json', 'as JSON')
  .addOption(results())
  .action(async (options) => (await import('./commands/matrix.ts')).matrixCommand(options))

lab
  .command('scale')
  .description('where it breaks and what each change buys: all experiments, and SCALE.md from them; goes on where it was interrupted')
  .option('--quick', 'a short form, 15 minutes at most')
  .option('--only <questions>', 'runs for some of the seven alone, with commas between: 1,2 (SCALE.md says what is missing)')
  .option('--out <file>', 'what is written', 'SCALE.md')
  .option('--dry-run', 'only show the runs still to be made, and the time each takes')
  .addOption(results())
  .action(async (options) => (await import('./commands/scale.ts')).scaleCommand(options))

lab
  .command('selftest')
  .description('run the injectors against servers whose answer is known')
  .option('--json', 'as JSON')
  .action(async (options) => (await import('./commands/selftest.ts')).selftestCommand(options))

lab
  .command('doctor')
  .description('what this machine lacks, and how to get it')
  .option('-a, --arch <id>', 'for this architecture only')
  .option('--json', 'as JSON')
  .action(async (options) => (await import('./commands/doctor.ts')).doctorCommand(options))

lab
  .command('setup')
  .description('fetch ahead what an architecture needs; with --runtime docker pull its images, and build the one of the lab (load-lab:dev)')
  .addOption(arch())
  .addOption(new Option('--runtime <name>', 'what it is to run on').choices(['docker', 'local']))
  .action(async (options) => (await import('./commands/setup.ts')).setupCommand(options))

lab
  .command('clean')
  .description('remove leftovers of dead runs, and nothing else')
  .option('--dry-run', 'only show them')
  .action(async (options) => (await import('./commands/clean.ts')).cleanCommand(options))
