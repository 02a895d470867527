/** A CPU and its preallocated memory, and programs made ready to run on it. */
import { InternalError } from '../errors/index.ts';
import { SK_BUFF } from '../contracts/index.ts';
import { PacketBuffer, helperCore, helperRegistry } from '../helpers/index.ts';
import type { HelperEnv } from '../helpers/index.ts';
import { MapCore } from '../maps/index.ts';
import type { BpfMap } from '../maps/index.ts';
import type { RegionKind, Region } from '../memory/index.ts';
import type { VerifiedProgram } from '../verifier/index.ts';
import { Interpreter, JitMachine, compile } from '../vm/index.ts';
import { rememberImage } from './images.ts';
import { narrowContext } from './narrow-fields.ts';
import type { Cpu, EngineName, Host, ProgramImage, ProgramOwner } from './api.ts';
import { programAt, tailCalled } from './tail-calls.ts';
import { TimerQueue } from './timers.ts';
import { SOCK_SIZE } from './test-socket.ts';

/** Bytes of the largest context: what a program of system calls is given. */
const MAX_CTX = 65535;
/** Take the memory of a CPU: once per kernel. */
export function createCpu(host: Host, engine: EngineName = 'interp', mode: Cpu['mode'] = 'verified'): Cpu {
  const { space } = host;
  const region = (size: number, kind: RegionKind, name: string, writable: boolean): Region => {
    const made = space.allocate(size, { kind, name, writable });
    if (made === undefined) throw new InternalError(`no memory for ${name}`);
    return made;
  };
  const timers = new TimerQueue(() => cpu);
  const env: HelperEnv = {
    space,
    clock: host.clock,
    task: host.task,
    cpu: 0,
    timers,
    packet: undefined,
    cpus: host.possibleCpus,
    progType: 0,
    dynptr: region(16, 'mem', 'dynptr', true).base,
    mapAt: (address) => host.mapAt(address),
    random: () => host.random(),
    trace: (line) => host.trace(line),
  };
  const core = MapCore.of({ memory: space, rcu: host.rcu });
  core.mapAt = env.mapAt;
  const packet = PacketBuffer.create(space);
  if (packet === undefined) throw new InternalError('no memory for packets');
  const ctx = region(MAX_CTX, 'ctx', 'context', true);
  packet.context = ctx.base;
  const cpu: Cpu = {
    host,
    env,
    timers,
    interpreter: new Interpreter(env, (map, index, slot) => programAt(host, map, index, slot)?.executable),
    jit:
      engine === 'jit'
        ? new JitMachine(
            env,
            tailCalled(() => cpu),
            { core: () => core.linked, cpu: () => env.cpu },
            helperCore(host, packet.state),
          )
        : undefined,
    ctx,
    skbContext: narrowContext(space, ctx, SK_BUFF),
    packet,
    prepared: undefined,
    mode,
    meter: undefined,
    sock: region(SOCK_SIZE, 'mem', 'sock', false),
  };
  return cpu;
}

/**
 * Make a program ready to run.
 * @param maps the map behind each entry of `program.maps`
 * @param verified whether the verifier has let it pass
 * @param owner for who keeps the program beyond its run
 */
export function createImage(
  program: VerifiedProgram,
  expectedAttachType: number,
  maps: readonly BpfMap[],
  verified: boolean,
  owner?: ProgramOwner,
): ProgramImage {
  const resolve = (slot: number): number | undefined => {
    const ref = program.mapRefs.get(slot);
    if (ref === undefined) return undefined;
    const map = maps[ref.map];
    return ref.valueOffset === undefined ? map.address : map.directValueAddress(ref.valueOffset);
  };
  const { progType, stackDepth, inlinedLoops, guardedLoads } = program;
  const options = { helpers: helperRegistry, resolve, lazy: true, inlinedLoops, guardedLoads };
  const executable = compile(program.insns, options);
  const mapLoads = new Set(
    [...program.mapRefs].filter(([, ref]) => ref.valueOffset === undefined).map(([slot]) => slot),
  );
  const image: ProgramImage = {
    executable,
    owner,
    progType,
    expectedAttachType,
    verified,
    stackDepth,
    maxCtxOffset: program.maxCtxOffset,
    keepsStorage: maps.some((map) => map.dropOwner !== undefined || map.dropPlace !== undefined),
    mapLoads,
    compiled: undefined,
    variants: new Map(),
  };
  rememberImage(image);
  return image;
}
