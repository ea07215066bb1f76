import { spawn } from 'node:child_process'
import { Agent } from 'node:http'
import { Duplex } from 'node:stream'

/**
 * Connections to an engine behind ssh, as Docker's command line makes them: `ssh host docker system dial-stdio`, one process each.
 * The system's ssh brings known hosts, keys, agents and jump hosts along, and checks who it talks to.
 */
export function sshAgent({ host, port, user }: { host: string; port?: number; user?: string }): Agent {
  const words = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', '-T', ...(user ? ['-l', user] : []), ...(port ? ['-p', String(port)] : []), '--', host, 'docker', 'system', 'dial-stdio']
  const agent = new Agent({ keepAlive: false })
  agent.createConnection = () => {
    const ssh = spawn('ssh', words, { stdio: ['pipe', 'pipe', 'pipe'] })
    let says = ''
    ssh.stderr.on('data', (text: Buffer) => (says = (says + text.toString()).slice(-500)))
    const socket = new Duplex({
      read: () => void ssh.stdout.resume(),
      write: (chunk: Buffer, _encoding, done) => void ssh.stdin.write(chunk, () => done()),
      final: (done) => void ssh.stdin.end(() => done()),
      destroy(error, done) {
        ssh.kill()
        done(error)
      },
    })
    // A pipe that breaks says less than the end of ssh, which follows.
    ssh.stdin.on('error', () => undefined)
    ssh.stdout.on('data', (chunk: Buffer) => {
      if (!socket.push(chunk)) ssh.stdout.pause()
    })
    ssh.once('error', (error) => socket.destroy(new Error(`ssh cannot be run: ${error.message}`)))
    ssh.once('close', (code) => {
      if (code === 0 || code === null) socket.push(null)
      else socket.destroy(new Error(`ssh to ${host} ended with ${code}${says.trim() === '' ? '' : `: ${says.trim()}`}`))
    })
    // What HTTP wants of a socket, and a pipe has not.
    return Object.assign(socket, { setKeepAlive: () => socket, setNoDelay: () => socket, setTimeout: () => socket, ref: () => socket, unref: () => socket })
  }
  return agent
}
