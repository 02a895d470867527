/**
 * The helper core: what compiled programs call in place of helpers in JavaScript. Each function does the plain case of its
 * helper, whose rules stand in src/helpers. Where it answers ASK it has changed nothing, and the helper does it: all that is
 * an error, or rare. `state` is the address of HELPER_STATE; addresses and sizes are unsigned words, those of programs are trusted.
 */
export { csum_diff, csum_replace } from './checksum';
export { load_bytes, skb_pull_data, store_bytes } from './packet';
export { get_prandom_u32 } from './random';
export { strncmp } from './strings';
export { xdp_adjust_head, xdp_adjust_meta, xdp_adjust_tail, xdp_get_buff_len } from './xdp';
