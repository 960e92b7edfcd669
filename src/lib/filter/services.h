/* SPDX-License-Identifier: MIT */
#ifndef FILTER_SERVICES_H
#define FILTER_SERVICES_H
#include <stdbool.h>
#include <stdint.h>

/*
 * Set the TCP port of a service by /etc/services. It reads that file itself: getservbyname(3) may load
 * libraries and ask other hosts. Return false for an unknown name.
 */
bool service_port(const char *name, uint32_t *port);

#endif
