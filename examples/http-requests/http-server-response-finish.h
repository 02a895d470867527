/* http:server_response_finish; needs <linux/types.h> or vmlinux.h. */
struct http_server_response_finish {
	/* Not for programs. */
	__u16 common_type;                     /* offset 0, size 2 */
	__u8 common_flags;                     /* offset 2, size 1 */
	__u8 common_preempt_count;             /* offset 3, size 1 */
	__s32 common_pid;                      /* offset 4, size 4 */

	__u16 status;                          /* offset 8, size 2 */
	__u64 duration_ns;                     /* offset 16, size 8 */
	char method[8];                        /* offset 24, size 8 */
	char url[64];                          /* offset 32, size 64 */
};

/*
 * SEC("tracepoint/http/server_response_finish")
 * int program(struct http_server_response_finish *event)
 *
 * SEC("raw_tracepoint/http/server_response_finish")
 * int program(struct bpf_raw_tracepoint_args *event)
 *   args[0]: status, u16
 *   args[1]: duration_ns, u64
 *   args[2]: address of method, 8 bytes
 *   args[3]: address of url, 64 bytes
 */
