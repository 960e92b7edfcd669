/* SPDX-License-Identifier: MIT */
#ifndef DEST_KAFKA_CONFIG_H
#define DEST_KAFKA_CONFIG_H
/* -kafkaConfig, -tlsCa, -tlsCert and -tlsKey as properties of librdkafka. */
#include <librdkafka/rdkafka.h>

#include "dest/ops.h"

/*
 * Set the properties of the options. Return 0, or -EINVAL with a clause in io->why, which quotes
 * no value, and no name that librdkafka does not know: it may be a part of a value.
 */
int kafka_config_apply(struct dest_io *io, rd_kafka_conf_t *conf);

#endif
