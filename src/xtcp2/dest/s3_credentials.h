/* SPDX-License-Identifier: MIT */
#ifndef DEST_S3_CREDENTIALS_H
#define DEST_S3_CREDENTIALS_H
/*
 * The keys that sign requests to an S3 store, by the first of these that has them:
 * -s3AccessKey with -s3SecretKeyFile; AWS_ACCESS_KEY_ID and its like; the file of
 * credentials (AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, profile AWS_PROFILE);
 * the metadata service of the machine (IMDSv2).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define S3_KEY_MAX   256
#define S3_TOKEN_MAX 4096

struct s3_credentials {
	char access_key[S3_KEY_MAX], secret_key[S3_KEY_MAX];
	char token[S3_TOKEN_MAX]; /* "" for none */
	int64_t until_ns;	  /* CLOCK_REALTIME; 0: they do not expire */
};

/*
 * Find the keys. access_key and secret_key are those of the options, or "". Asks the metadata service for at most two
 * seconds per request. Return 0, or -errno with a sentence in error (size bytes).
 */
int s3_credentials_find(struct s3_credentials *c, const char *access_key, const char *secret_key, char *error,
			size_t size);

/* Read the section of a file of credentials; false when it does not have both keys. Pure. */
bool s3_credentials_parse(struct s3_credentials *c, const char *text, const char *profile);

/* Read the metadata service's description of keys (JSON); false when it does not have both. Pure. */
bool s3_credentials_parse_json(struct s3_credentials *c, const char *json, size_t len);

#endif
