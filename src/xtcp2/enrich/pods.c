/* SPDX-License-Identifier: MIT */
#include "enrich/pods.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"

bool pods_is_name(const char *text, size_t len, size_t max)
{
	return len > 0 && len <= max && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") >= len;
}

bool pods_is_uid(const char *text, size_t len)
{
	return (len == POD_UID_MAX || len == POD_UID_STATIC) && strspn(text, "0123456789abcdef-") >= len;
}

static bool take_name(char *to, size_t max, const char *from, size_t len)
{
	if (!pods_is_name(from, len, max))
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

bool pods_parse_directory(const char *file, struct place *place)
{
	const char *name = strchr(file, '_');
	const char *uid = name ? strchr(name + 1, '_') : NULL;

	if (!uid || strcmp(uid + 1, place->pod_uid) != 0)
		return false;
	return take_name(place->pod_namespace, POD_NAMESPACE_MAX, file, (size_t)(name - file)) &&
	       take_name(place->pod_name, POD_NAME_MAX, name + 1, (size_t)(uid - name - 1));
}

bool pods_parse_link(const char *file, struct place *place)
{
	const char *space = strchr(file, '_');
	const char *container = space ? strchr(space + 1, '_') : NULL;
	const char *id = container ? strrchr(container, '-') : NULL;
	size_t len = strlen(place->container.id);

	if (!id || len == 0 || strncmp(id + 1, place->container.id, len) != 0 ||
	    strcmp(id + 1 + len, ".log") != 0)
		return false;
	return take_name(place->container.name, CONTAINER_NAME_MAX, container + 1,
			 (size_t)(id - container - 1));
}

/* Parse the files of the directory until one is the right one. */
static bool find_in(const char *path, bool (*parse)(const char *file, struct place *place),
		    struct place *place)
{
	static bool told; /* atomic; once is enough */
	DIR *dir = opendir(path);
	const struct dirent *d;
	bool found = false;

	if (!dir) {
		if (errno == EACCES && !__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
			log_notice("pods", "%s: %s: pods have no names; let the daemon's user list it", path,
				   strerror(errno));
		return false;
	}
	while (!found && (d = readdir(dir)))
		found = parse(d->d_name, place);
	closedir(dir);
	return found;
}

bool pods_name(struct place *place)
{
	if (!find_in(POD_LOGS, pods_parse_directory, place))
		return false;
	find_in(CONTAINER_LOGS, pods_parse_link, place);
	return true;
}
