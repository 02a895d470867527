export function checkArchitecture(root: string, text: string): string[];
export function checkPage(root: string, file: string, text: string, scripts: string[]): string[];
