/** Which helpers a program can be given at all (@kernel get_func_proto). Rejects nothing. */
import { isHelperAllowed, isHelperAllowedAt, isPlaceless } from '../../contracts/index.ts';
import type { Context } from '../context.ts';

/** Whether programs of this type may call helper `id`, where this one is attached and with its capabilities. */
export function isGiven({ input, target, perfmonCapable }: Context, id: number): boolean {
  const { progType, expectedAttachType, profile } = input;
  // The profile has said which.
  if (isPlaceless(progType, profile)) return true;
  const here = target && isHelperAllowedAt(target.path, id);
  return here ?? isHelperAllowed(progType, expectedAttachType, id, perfmonCapable);
}
