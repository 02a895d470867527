// Sends UDP datagrams of 64 bytes over lo: node scripts/flood.mjs COUNT [RATE], RATE a second at most. Linux, needs koffi.
// Prints how many went out a second. They go to the socket that sends them: nobody answers, and nobody else is disturbed.
import koffi from 'koffi';

const count = Number(process.argv[2]);
const rate = Number(process.argv[3] ?? Infinity);
const SIZE = 64;
/** Datagrams a system call. */
const BATCH = 64;
const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, const void *address, unsigned int length)');
const getsockname = libc.func('int getsockname(int fd, void *address, void *length)');
const connect = libc.func('int connect(int fd, const void *address, unsigned int length)');
const sendmmsg = libc.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int option, const void *value, unsigned int length)');

const [AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_RCVBUF] = [2, 2, 1, 8];
const fd = socket(AF_INET, SOCK_DGRAM, 0);
const address = Uint8Array.of(AF_INET, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
bind(fd, address, address.length);
getsockname(fd, address, Uint32Array.of(address.length));
connect(fd, address, address.length);
setsockopt(fd, SOL_SOCKET, SO_RCVBUF, Uint32Array.of(1), 4);

/** struct mmsghdr: 64 bytes; struct iovec: 16. */
const payload = new Uint8Array(SIZE).fill(7);
const vector = new BigUint64Array([koffi.address(payload), BigInt(SIZE)]);
const messages = new BigUint64Array(8 * BATCH);
for (let i = 0; i < BATCH; i++) messages.set([0n, 0n, koffi.address(vector), 1n], 8 * i);

const start = performance.now();
for (let left = count; left > 0;) {
  const sent = sendmmsg(fd, messages, Math.min(left, BATCH), 0);
  if (sent <= 0) throw new Error(`sendmmsg: errno ${koffi.errno()}`);
  left -= sent;
  while (performance.now() - start < ((count - left) / rate) * 1000);
}
console.log(Math.round(count / ((performance.now() - start) / 1000)));
