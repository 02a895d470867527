struct http_server_response_finish {
	u16 common_type;
	u8 common_flags;
	u8 common_preempt_count;
	int common_pid;
	u16 status;
	u64 duration_ns;
	char method[8];
	char url[64];
};
