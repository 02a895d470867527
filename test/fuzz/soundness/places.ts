/** Where the context of a program type keeps the packet's addresses. */
import { offsetsOf, SK_BUFF, XDP_MD } from '../../../src/contracts/index.ts';
import { PROG_TYPE } from '../../../src/uapi/index.ts';

const FIELDS = ['data', 'data_end', 'data_meta'] as const;
const XDP = offsetsOf(XDP_MD, FIELDS);
const SKB = offsetsOf(SK_BUFF, FIELDS);

export const ctxFieldOffsets = (progType: number): typeof XDP => (progType === PROG_TYPE.XDP ? XDP : SKB);
