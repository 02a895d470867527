export interface Layers {
  rows: string[][];
  platformFreeUpTo: string;
  typesOnly: Record<string, string[]>;
  sameRow: Record<string, string[]>;
  packages: Record<string, string[]>;
}
export interface Import {
  to: string;
  typeOnly: boolean;
  lazy: boolean;
}
export function importsOf(text: string): Import[];
export function checkLayers(layers: Layers, files: Map<string, string>): string[];
