/**
 * BTF_LOAD. Refuses: a missing capability (-EPERM), a blob of nothing (-EINVAL) or more than 16 MiB (-E2BIG), a bad log
 * (-EINVAL), another version or unknown flags (-ENOTSUPP), a header that goes on with anything but zeros (-E2BIG),
 * sections that leave a part of the blob over (-EINVAL), a type made of itself (-EEXIST), and everything else that the
 * parser or the demands of Linux refuse (-EINVAL); the log says why.
 */
import { BTF_MAGIC, Btf } from '../btf/index.ts';
import { ERRNO, FormatError } from '../errors/index.ts';
import type { BtfLoadAttr } from '../sys/index.ts';
import { CAP } from '../uapi/index.ts';
import { plainBytes, utf8ByteText } from '../util/index.ts';
import { UserLog } from './arguments.ts';
import { refusedType } from './btf-demands.ts';
import { capable } from './capabilities.ts';
import { BtfObject } from './objects.ts';
import { checkStructFields } from './struct-fields.ts';
import type { Subsystem } from './subsystem.ts';

/** @kernel BTF_MAX_SIZE */
const MAX_SIZE = 16 << 20;
const HEADER_SIZE = 24;

export function btfLoad(sub: Subsystem, attr: BtfLoadAttr): number {
  if (!capable(sub.caps, CAP.BPF)) return -ERRNO.EPERM;
  if (attr.btf === undefined) return -ERRNO.EFAULT;
  if (attr.btf.length > MAX_SIZE) return -ERRNO.E2BIG;
  const log = new UserLog(attr.btfLogLevel, attr.btfLogBuf);
  if (attr.btf.length === 0 || log.check()) return -ERRNO.EINVAL;
  const { btf, errno, problem } = parse(plainBytes(attr.btf).slice());
  const cut = log.finish(utf8ByteText(problem));
  attr.btfLogTrueSize = log.trueSize;
  if (cut || btf === undefined) return cut || -errno;
  const object = sub.btfs.add(sub.btfs.hold(new BtfObject(btf)));
  const fd = sub.open(object);
  sub.btfs.drop(object);
  return fd;
}

interface Parsed {
  readonly btf?: Btf;
  readonly errno: number;
  /** What the log says. */
  readonly problem: string;
}

function parse(bytes: Uint8Array): Parsed {
  const header = checkHeader(bytes);
  if (header !== undefined) return header;
  try {
    const btf = Btf.parse(bytes);
    const problem = refusedType(btf);
    if (problem !== undefined) return { errno: ERRNO.EINVAL, problem: `${problem}\n` };
    const errno = -checkStructFields(btf);
    return errno ? { errno, problem: '' } : { btf, errno: 0, problem: '' };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { errno: parserErrno(error.problem), problem: `${error.message}\n` };
  }
}

/** Linux has errnos of their own for a type that is made of itself, and for one nested too deeply. */
function parserErrno(problem: string): number {
  if (/ (contains|is made of) itself/.test(problem)) return ERRNO.EEXIST;
  return / nested deeper /.test(problem) ? ERRNO.E2BIG : ERRNO.EINVAL;
}

/** What Linux demands of the header beyond what a file's BTF must have. Offsets count from the end of the header. */
function checkHeader(bytes: Uint8Array): Parsed | undefined {
  const view = new DataView(bytes.buffer);
  if (bytes.length < HEADER_SIZE || view.getUint16(0, true) !== BTF_MAGIC) return undefined; // the parser says it better
  if (view.getUint8(2) !== 1) return { errno: ERRNO.ENOTSUPP, problem: 'Unsupported version' };
  if (view.getUint8(3) !== 0) return { errno: ERRNO.ENOTSUPP, problem: 'Unsupported flags' };
  const [headerSize, types, typesLength, strings, stringsLength] = [4, 8, 12, 16, 20].map((at) =>
    view.getUint32(at, true),
  );
  if (headerSize > HEADER_SIZE && bytes.subarray(HEADER_SIZE, headerSize).some(Boolean)) {
    return { errno: ERRNO.E2BIG, problem: 'Unsupported btf_header\n' };
  }
  if (typesLength === 0) return { errno: ERRNO.EINVAL, problem: 'No type found' };
  const covered = types === 0 ? strings === typesLength : strings === 0 && types === stringsLength;
  if (covered && headerSize + typesLength + stringsLength === bytes.length) return undefined;
  return { errno: ERRNO.EINVAL, problem: 'Unsupported section found' };
}
