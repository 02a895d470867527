/**
 * Tail calls: from the slot of a prog array to the program. A slot holds a program's number; what user space may put there is
 * the subsystem's business.
 */
import { InternalError, Trap } from '../errors/index.ts';
import { MAP_HEADER } from '../memory/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import type { OtherPrograms } from '../vm/index.ts';
import type { Cpu, Host, ProgramImage } from './api.ts';
import { contextOf } from './context.ts';
import { compiledBy } from './run.ts';

/** The number in slot `index` of the prog array whose header is at `map`; 0: none. @throws Trap */
function numberAt({ space, mapAt }: Host, map: number, index: number, slot: number): number {
  if (mapAt(map)?.info.type !== MAP_TYPE.PROG_ARRAY) throw new Trap('r2 is not a prog array', slot);
  const { view } = space;
  if (index >= view.getUint32(map + MAP_HEADER.MAX_ENTRIES, true)) return 0;
  return view.getUint32(view.getUint32(map + MAP_HEADER.VALUES, true) + 4 * index, true);
}

/** The program that a tail call goes to. @throws Trap where r2 is no prog array */
export function programAt(host: Host, map: number, index: number, slot: number): ProgramImage | undefined {
  const number = numberAt(host, map, index, slot);
  return number === 0 ? undefined : imageOf(host, number);
}

function imageOf({ programs }: Host, number: number): ProgramImage {
  const image = programs.get(number);
  if (image === undefined) throw new InternalError(`a prog array names program ${number}, which there is not`);
  return image;
}

/** What the JIT of a CPU asks. */
export function tailCalled(cpu: () => Cpu): OtherPrograms {
  return {
    numberAt: (map, index, slot) => numberAt(cpu().host, map, index, slot),
    compiled(number, fuel) {
      const image = imageOf(cpu().host, number);
      const compiled = compiledBy(cpu(), image, contextOf(cpu(), image), { entry: true, fuel });
      return compiled ?? { ok: false, unsupported: 'without a compiler' };
    },
    interpret(number, r1, tailCalls) {
      const image = imageOf(cpu().host, number);
      const { interpreter, jit, meter } = cpu();
      jit?.surrender();
      interpreter.start(image.executable, r1[0], 0, Infinity, contextOf(cpu(), image), meter, tailCalls);
      interpreter.registers[3] = r1[1];
      interpreter.resume();
      return [interpreter.registers[0], interpreter.registers[1]];
    },
  };
}
