import type Docker from 'dockerode'
import { packageRoot } from '../entry.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { explained } from './engine.ts'
import { baseImage, ensureImage, follow, hasImage, imageBytes } from './images.ts'
import { DOCKERFILE, imageContent } from './image-content.ts'

/** What compose files call it when nobody says otherwise. */
export const LAB_IMAGE = 'load-lab:dev'

/**
 * Makes the image of the services from what is built here, unless there is one of the same content already; it is `load-lab:<hash>`,
 * and `load-lab:dev` for those who use the compose files without the lab. `LAB_IMAGE` names another one, which is then not built.
 */
export async function ensureLabImage(docker: Docker, signal: AbortSignal, on: (event: RuntimeEvent) => void): Promise<string> {
  if (process.env.LAB_IMAGE) {
    await ensureImage(docker, process.env.LAB_IMAGE, signal, on)
    return process.env.LAB_IMAGE
  }
  const base = baseImage()
  // Another image of the same name makes another one of this.
  const baseId = await docker.getImage(base).inspect().then(({ Id }) => Id, () => '')
  const { files, hash } = imageContent(`${base}@${baseId}`)
  const name = `load-lab:${hash}`
  if (await hasImage(docker, name)) return name
  await ensureImage(docker, base, signal, on)
  const what = `image ${name} (built on ${base})`
  on({ type: 'fetch', what, done: 0 })
  const said: string[] = []
  try {
    const stream = await docker.buildImage(
      { context: packageRoot, src: files() },
      { t: name, dockerfile: DOCKERFILE, buildargs: { BASE: base }, labels: { 'load-lab.image': hash }, networkmode: 'none', rm: true, forcerm: true, abortSignal: signal },
    )
    await follow(docker, stream, signal, ({ stream: line }) => {
      if (line && line.trim() !== '') said.push(line.trim())
    })
  } catch (error) {
    signal.throwIfAborted()
    const known = explained(error, `building ${name}`)
    if (known !== error) throw known
    throw new LabError(EXIT.prerequisite, `the lab's image cannot be built on ${base}: ${(error as Error).message}\n${said.slice(-10).map((line) => `  | ${line}`).join('\n')}`, 'LAB_BASE_IMAGE names another base, LAB_IMAGE a whole image')
  }
  await docker.getImage(name).tag({ repo: 'load-lab', tag: 'dev' })
  const bytes = await imageBytes(docker, name)
  on({ type: 'fetch', what, done: bytes, total: bytes })
  return name
}
