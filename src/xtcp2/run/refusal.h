/* SPDX-License-Identifier: MIT */
#ifndef RUN_REFUSAL_H
#define RUN_REFUSAL_H
/* Why the daemon does not start: for the log, or for the daemon that tries a configuration. Main thread. */

/* From here on refuse() writes to this descriptor, "FLAG\nSENTENCE", and the log is silent. */
void refusal_report_to(int fd);

/*
 * One sentence about an option, given as what follows its name: ": there is no such
 * state" or " 9088: must be HOST:PORT". With flag "" it is about no option.
 * Returns -EINVAL.
 */
int refuse(const char *flag, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
