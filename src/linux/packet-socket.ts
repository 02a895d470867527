/**
 * The `packet-socket` view on the real kernel. PROG_TEST_RUN takes a socket filter's frame as Ethernet, and shows the
 * program what follows the 14-byte header; a program on an AF_PACKET socket sees the header too. So the frame is sent
 * with a copy of its first 14 bytes before it: the kernel takes that for the header (and the protocol from it), and the
 * program sees the whole frame.
 */
import type { ProgTestRunAttr } from '../sys/index.ts';

/** Bytes of an Ethernet header. @kernel ETH_HLEN */
const HEADER = 14;

/** The run with the header doubled; short frames are padded with zeros up to it. */
export function showWholeFrame(attr: ProgTestRunAttr): ProgTestRunAttr {
  const frame = attr.dataIn ?? new Uint8Array(0);
  const dataIn = new Uint8Array(HEADER + frame.length);
  dataIn.set(frame.subarray(0, HEADER));
  dataIn.set(frame, HEADER);
  const dataOut = attr.dataOut && new Uint8Array(HEADER + attr.dataOut.length);
  return { ...attr, dataIn, dataOut };
}

/** Results of the doubled run, without the header. */
export function hideHeader(from: ProgTestRunAttr, to: ProgTestRunAttr): void {
  to.retval = from.retval;
  to.duration = from.duration;
  to.ctxSizeOut = from.ctxSizeOut;
  to.dataSizeOut = from.dataSizeOut && Math.max(0, from.dataSizeOut - HEADER);
  if (to.dataOut && from.dataOut) to.dataOut.set(from.dataOut.subarray(HEADER));
}
