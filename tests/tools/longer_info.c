/* SPDX-License-Identifier: MIT */
/*
 * LD_PRELOAD=liblonger_info.so: getsockopt(2) of TCP_INFO as that of a kernel to come, whose struct tcp_info is eight bytes
 * longer than records have fields for. Fields that this kernel lacks are 0.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INFO_KNOWN 280 /* struct tcp_info of 6.18 */

int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	static const uint8_t tail[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	socklen_t room = *len;
	int r = (int)syscall(SYS_getsockopt, fd, level, option, value, len);

	if (r < 0 || level != IPPROTO_TCP || option != TCP_INFO || room < INFO_KNOWN + sizeof(tail))
		return r;
	if (*len < INFO_KNOWN)
		memset((uint8_t *)value + *len, 0, INFO_KNOWN - *len);
	memcpy((uint8_t *)value + INFO_KNOWN, tail, sizeof(tail));
	*len = INFO_KNOWN + sizeof(tail);
	return r;
}
