/** `--profile NAME`: whose verdict is asked for. */
import { PROFILES, profileNamed } from '../contracts/index.ts';
import type { Profile } from '../contracts/index.ts';
import { UsageError } from './command.ts';

/** @returns the default where no name is given. @throws UsageError with the names there are */
export function chosenProfile(name: string | undefined): Profile {
  const profile = name === undefined ? PROFILES[0] : profileNamed(name);
  if (profile) return profile;
  const known = PROFILES.map((one) => `${one.name} (${one.summary})`).join('; ');
  throw new UsageError(`--profile: there is no profile ${name || 'without a name'}; there are: ${known}`);
}
