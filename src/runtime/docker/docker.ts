import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { portVariables, readComposeFiles, readStack, withAddresses, without, type Stack } from '../compose.ts'
import { withoutExternal } from '../external/stack.ts'
import { bringUp, takeDown } from '../local/bring-up.ts'
import { hostVariable } from '../local/provider.ts'
import { createUndo } from '../local/undo.ts'
import { controlPort, linkOf, planLinks, withLinks, type LinkPlan } from '../links.ts'
import { runFolder } from '../run-folder.ts'
import type { Runtime, RuntimeEvent, StackRequest, System } from '../runtime.ts'
import { startWatchdog } from '../watchdog-pipe.ts'
import { basesOfRecipe, ensureBuilt, type Recipe } from './build.ts'
import { volumeName, type Setting } from './container-config.ts'
import { containerParts, type ContainerPart } from './container-part.ts'
import { createContainerReplica, type ContainerReplica } from './container-replica.ts'
import { explained, type Engine } from './engine.ts'
import { watchExits } from './exits.ts'
import { ensureImage } from './images.ts'
import { ensureLabImage, LAB_IMAGE } from './lab-image.ts'
import { runLabels } from './mark.ts'
import { removeAll, thingsOf } from './removal.ts'
import { createDockerSystem } from './system.ts'

const READY_WITHIN_MS = 60_000

/** Everything in containers on a Docker engine. @param readyWithinMs how long each service may take until it is ready */
export function createDocker(engine: Engine, { readyWithinMs = READY_WITHIN_MS } = {}): Runtime {
  return { name: 'docker', versions: { docker: engine.version }, up: (request) => up(engine, request, readyWithinMs) }
}

async function up(engine: Engine, request: StackRequest, readyWithinMs: number): Promise<System> {
  const { runId, signal } = request
  signal.throwIfAborted()
  // It becomes part of the names of containers, networks and volumes.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/.test(runId)) throw new Error(`run id ${JSON.stringify(runId)}: letters, digits, dots, dashes and underscores only`)
  const { stack, parts, variables, links } = readForDocker(request)
  const { docker } = engine
  const emit = (event: RuntimeEvent): void => request.on(event)

  mkdirSync(request.logDir, { recursive: true })
  await using undo = createUndo()
  undo.use(await startWatchdog(runId, runFolder(runId), join(request.logDir, 'watchdog.log'), engine.endpoint))
  // From here on whatever happens, nothing is left: what is undone last is what is set up first.
  undo.defer(() => sweep(engine, runId))
  const setting: Setting = { runId, labels: runLabels(runId), network: `load-lab-${runId}`, bindAddress: engine.bindAddress }
  const [{ own: labImage, built }, exits] = await allOf([
    images(engine, stack, parts, signal, emit),
    watchExits(docker, runId).then((watching) => undo.use(watching)),
    makeNetwork(engine, setting),
    ...Object.keys(stack.volumes).map((name) => docker.createVolume({ Name: volumeName(runId, name), Labels: setting.labels })),
  ])
  signal.throwIfAborted()

  const replicas: ContainerReplica[] = []
  undo.defer(() => takeDown(stack, replicas))
  const make = (name: string, replica: number): ContainerReplica => {
    const service = stack.services[name]!
    const image = service.image === undefined || service.image === LAB_IMAGE ? labImage : (built[service.image] ?? service.image)
    const fixed: Record<string, number> = replica === 1 && request.apiPort !== undefined && service.ports.API_PORT !== undefined ? { API_PORT: request.apiPort } : {}
    const made = createContainerReplica({ engine, setting, service, part: parts[name]!, replica, image, fixed, logDir: request.logDir, exits, emit, readyWithinMs })
    made.link = linkOf(links, name, (link) => `http://${engine.reachAddress}:${replicas.find((one) => one.service === link.name)!.published[LINK_CONTROL]}`)
    return made
  }
  for (const name of stack.order) for (let number = 1; number <= stack.services[name]!.replicas; number += 1) replicas.push(make(name, number))
  // All are made at once, and started as soon as what they depend on is ready: their making takes a tenth of a second each, and waits for nobody.
  for (const replica of replicas) replica.create().catch(() => undefined)
  await bringUp(stack, replicas, signal)

  const addresses = { ...addressesOf(stack, replicas, variables, engine), ...request.external?.env }
  const api = links.find(({ isApi }) => isApi)
  return createDockerSystem({ loadHost: api?.name, engine, setting, stack, parts, replicas, make, addresses, labImage, logDir: request.logDir, down: undo.move() })
}

/** Of a link, inside its container. */
const LINK_CONTROL = 7_001

interface ForDocker {
  stack: Stack
  parts: Record<string, ContainerPart>
  variables: Record<string, number>
  links: LinkPlan[]
}

function readForDocker(request: Pick<StackRequest, 'files' | 'env' | 'links' | 'external' | 'without'>): ForDocker {
  const files = readComposeFiles(request.files)
  const env = { ...imageVariables(process.env), ...withAddresses(request.env, {}), ...request.external?.env }
  const links = request.links?.length ? planLinks(readStack(files, env), request.links) : []
  // Where there is a link, it is what clients find under the service's name.
  const shown = Object.fromEntries(links.flatMap(({ isApi, variable, name }) => (isApi ? [] : [[hostVariable(variable), name]])))
  const stack = withLinks(withoutExternal(without(readStack(files, { ...env, ...shown }), new Set(request.without)), request.external), links, (link) => ({
    listen: `0.0.0.0:${link.port}`,
    target: `${link.target}:${link.port}`,
    control: `0.0.0.0:${LINK_CONTROL}`,
    ports: { [controlPort(link)]: LINK_CONTROL },
    raw: { entrypoint: ['node', '/lab/dist/link.js'] },
  }))
  return { stack, parts: containerParts(stack, request.files), variables: portVariables(files), links }
}

/** Images of one's own choice: `LAB_POSTGRES_IMAGE` and the like, and what they are built with. Nothing else of the caller's environment reaches the compose files. */
function imageVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (/^LAB_(([A-Z0-9]+_)*IMAGE|BUILD_NETWORK|MAVEN_MIRROR)$/.test(name) && value ? [[name, value]] : [])))
}

type Parts = Readonly<Record<string, ContainerPart>>

/** Gets every image. @returns that of our own services, and by their names those that were built */
async function images({ docker }: Engine, stack: Stack, parts: Parts, signal: AbortSignal, emit: (event: RuntimeEvent) => void): Promise<{ own: string; built: Record<string, string> }> {
  const { recipes, foreign } = wanted(stack, parts)
  const building = Object.entries(recipes).map(async ([name, recipe]) => [name, await ensureBuilt(docker, name, recipe, signal, emit)] as const)
  const [own, built] = await allOf([ensureLabImage(docker, signal, emit), allOf(building), ...foreign.map((name) => ensureImage(docker, name, signal, emit))])
  return { own, built: Object.fromEntries(built) }
}

/** Fetches and builds ahead all that bringing these compose files up needs. */
export async function setupDocker(engine: Engine, files: readonly string[], signal: AbortSignal, on: (event: RuntimeEvent) => void): Promise<void> {
  const { stack, parts } = readForDocker({ files: [...files], env: {} })
  await images(engine, stack, parts, signal, on)
}

/** Names of the images that bringing these compose files up needs, that of the lab itself aside: of those that are built, what they are built on. */
export function imagesOf(files: readonly string[]): string[] {
  const { stack, parts } = readForDocker({ files: [...files], env: {} })
  const { recipes, foreign } = wanted(stack, parts)
  return [...new Set([...foreign, ...Object.values(recipes).flatMap(basesOfRecipe)])]
}

/** What is built and what is pulled. Who names an image of one's own wants no other. */
function wanted({ services }: Stack, parts: Parts): { recipes: Record<string, Recipe>; foreign: string[] } {
  const lab = [LAB_IMAGE, process.env.LAB_IMAGE]
  const chosen = Object.values(imageVariables(process.env))
  const recipes: Record<string, Recipe> = {}
  const foreign = new Set<string>()
  for (const { name, image } of Object.values(services)) {
    if (image === undefined || lab.includes(image)) continue
    const recipe = parts[name]?.build
    if (recipe && !chosen.includes(image)) recipes[image] = recipe
    else foreign.add(image)
  }
  return { recipes, foreign: [...foreign] }
}

async function makeNetwork({ docker }: Engine, { network, labels }: Setting): Promise<void> {
  // Two networks of one name are possible otherwise.
  await docker.createNetwork({ Name: network, Driver: 'bridge', CheckDuplicate: true, Labels: labels }).catch((error: unknown) => {
    throw explained(error, 'making a network')
  })
}

/** `REDIS_HOST` and `REDIS_PORT` as the lab reaches them, of each service's first replica. */
function addressesOf(stack: Stack, replicas: readonly ContainerReplica[], variables: Readonly<Record<string, number>>, { reachAddress }: Engine): Record<string, string> {
  return Object.fromEntries(
    Object.keys(variables).flatMap((variable) => {
      const service = Object.values(stack.services).find(({ ports }) => ports[variable] !== undefined)
      const first = replicas.find((replica) => replica.service === service?.name && replica.replica === 1)
      const port = first?.published[service!.ports[variable]!]
      return port === undefined ? [] : [[variable, String(port)], [hostVariable(variable), reachAddress]]
    }),
  )
}

/** The last of every end: whatever still carries the run's label. @throws naming what does not go away */
async function sweep({ docker }: Engine, runId: string): Promise<void> {
  const left = await removeAll(docker, () => thingsOf(docker, runId), { withinMs: 15_000, quietMs: 0 })
  if (left.length > 0) throw new Error(`${left.map(({ kind, name }) => `${kind} ${name}`).join(', ')} of run ${runId} cannot be removed; \`lab clean\` tries again`)
}

/** As Promise.all, but throws only when all of them are over: what has been begun at the engine must not come to be after the sweep. */
async function allOf<T extends readonly unknown[]>(promises: readonly [...{ [K in keyof T]: Promise<T[K]> }]): Promise<T> {
  await Promise.allSettled(promises)
  return (await Promise.all(promises)) as unknown as T
}

