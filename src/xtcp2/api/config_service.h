/* SPDX-License-Identifier: MIT */
#ifndef API_CONFIG_SERVICE_H
#define API_CONFIG_SERVICE_H
/*
 * xtcp_config.v1.ConfigService: the configuration at run time. The service's
 * data is the backend (const struct grpc_backend *). A bad value changes nothing
 * and returns INVALID_ARGUMENT with the field's name and its limits.
 */
#include "api/backend.h"
#include "grpc/grpc.h"

/* Most polls of one TriggerPollBurst. */
#define BURST_COUNT_MAX 1000

extern const struct grpc_method config_methods[];

#endif
