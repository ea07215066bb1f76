/** Builds the stand-ins for images ahead, so that no test waits for them: `node test/docker/prepare.ts`, with LAB_TEST_LONG=1 all of them. */
import { LARGE, startEngine } from './engine.ts'

const engine = await startEngine([], LARGE)
if (typeof engine === 'string') {
  console.log(`no Docker here: ${engine}; its tests will be skipped`)
} else {
  await using _engine = engine
  const images = await engine.docker.listImages()
  console.log(`a Docker engine for the tests has ${images.flatMap(({ RepoTags }) => RepoTags ?? []).sort().join(', ')}`)
}
