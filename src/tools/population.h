/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_POPULATION_H
#define TOOLS_POPULATION_H
/*
 * A frozen population of TCP sockets: one in each state that can be held, with every congestion algorithm,
 * upper-layer protocol and option that this kernel has, at rest, so that two readers see the same.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POPULATION_MAX 128 /* sockets of one namespace that a descriptor holds; some 70 are made */

struct held_socket {
	int fd;
	const char *name; /* such as "stuck sender" */
	int state;	  /* TCP_ESTABLISHED ...; -1: any, the socket is MPTCP's and no TCP socket itself */
	bool bare;	  /* bound only: in dumps since Linux 6.8, and there without tcp_info */
};

struct population {
	struct held_socket sockets[POPULATION_MAX];
	size_t count;
	char features[256]; /* algorithms and protocols that the kernel has, as words */
};

/*
 * Make the population in the network namespace that the thread is in, which has its loopback up. Waits until
 * each socket is in its state, 20 s at most. Ends the process with one line when something that each kernel
 * has fails. The sockets stay until the process ends.
 */
void population_make(struct population *population);

#endif
