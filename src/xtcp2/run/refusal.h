/* SPDX-License-Identifier: MIT */
#ifndef RUN_REFUSAL_H
#define RUN_REFUSAL_H
/* Reasons for a failed start, for the log or for the daemon that tries a configuration. Main thread. */

/* Make refuse() write "FLAG\nSENTENCE" to this descriptor and silence the log. */
void refusal_report_to(int fd);

/*
 * Report one sentence about an option, as the text after its name: ": there is no such
 * state" or " 9088: must be HOST:PORT". flag is "" for no option. Return -EINVAL.
 */
int refuse(const char *flag, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
