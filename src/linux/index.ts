/** The real kernel, behind the same seam as the userspace subsystem. */
export * from './open-linux.ts';
export { findBtfId, readVmlinuxBtf } from './vmlinux-btf.ts';
export { kernelSetting } from './kernel-config.ts';
