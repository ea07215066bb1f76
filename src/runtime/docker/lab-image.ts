import type Docker from 'dockerode'
import { packageRoot } from '../entry.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { build } from './build.ts'
import { baseImage, ensureImage, hasImage } from './images.ts'
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
  await build(docker, {
    name, what: `${name} (built on ${base})`, context: packageRoot, files: files(), dockerfile: DOCKERFILE, args: { BASE: base },
    network: 'none', labels: { 'load-lab.image': hash }, fix: 'LAB_BASE_IMAGE names another base, LAB_IMAGE a whole image',
  }, signal, on)
  await docker.getImage(name).tag({ repo: 'load-lab', tag: 'dev' })
  return name
}
