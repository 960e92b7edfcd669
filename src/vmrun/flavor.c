/* SPDX-License-Identifier: MIT */
#include "vmrun/flavor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/input.h"
#include "base/suggest.h"
#include "vmrun/result_line.h"

static int refuse(char error[static FLAVOR_ERROR_MAX], const struct flavor *f, const char *what)
{
	snprintf(error, FLAVOR_ERROR_MAX, "flavor %s: %s", f->name, what);
	return -EINVAL;
}

static const json_t *find_row(const json_t *root, const char *name, char error[static FLAVOR_ERROR_MAX])
{
	size_t i;
	json_t *row;

	json_array_foreach(root, i, row)
	{
		const char *row_name = json_string_value(json_object_get(row, "name"));
		if (row_name && strcmp(row_name, name) == 0)
			return row;
	}
	struct suggest s;
	char near[SUGGEST_TEXT_MAX];
	suggest_begin(&s, name, strlen(name));
	size_t n = snprintf(error, FLAVOR_ERROR_MAX, "unknown flavor '%s'; known flavors:", name);
	json_array_foreach(root, i, row)
	{
		const char *row_name = json_string_value(json_object_get(row, "name"));
		if (row_name && n < FLAVOR_ERROR_MAX)
			n += snprintf(error + n, FLAVOR_ERROR_MAX - n, " %s", row_name);
		if (row_name)
			suggest_offer(&s, row_name);
	}
	if (n < FLAVOR_ERROR_MAX)
		snprintf(error + n, FLAVOR_ERROR_MAX - n, "%s", suggest_text(&s, near));
	return NULL;
}

/* Read whole seconds; an absent value is 0. */
static int read_seconds(const json_t *value, int64_t *ns)
{
	*ns = 0;
	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > INT32_MAX)
		return -EINVAL;
	*ns = json_integer_value(value) * NS_PER_SEC;
	return 0;
}

static bool read_int(const json_t *row, const char *key, int min, int max, int *out)
{
	const json_t *value = json_object_get(row, key);

	*out = (int)json_integer_value(value);
	return json_is_integer(value) && json_integer_value(value) >= min && json_integer_value(value) <= max;
}

static bool all_strings(const json_t *array)
{
	size_t i;
	json_t *item;

	json_array_foreach(array, i, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return true;
}

static int read_forwards(struct flavor *f, char error[static FLAVOR_ERROR_MAX])
{
	const json_t *list = json_object_get(f->row, "forwards");
	size_t i;
	json_t *item;

	if (list && !json_is_array(list))
		return refuse(error, f, "forwards is not an array");
	if (json_array_size(list) > FORWARDS_MAX)
		return refuse(error, f, "too many forwards");
	json_array_foreach(list, i, item)
	{
		struct forward *to = &f->forwards[f->forwards_count++];
		to->name = json_string_value(json_object_get(item, "name"));
		if (!to->name || !read_int(item, "host", 1, 65535, &to->host) ||
		    !read_int(item, "guest", 1, 65535, &to->guest))
			return refuse(error, f,
				      "a forward needs a name and the ports host and guest (1 to 65535)");
		to->only_nix = json_object_get(item, "only") != NULL;
	}
	return 0;
}

static int read_row(struct flavor *f, char error[static FLAVOR_ERROR_MAX])
{
	f->checks = json_object_get(f->row, "checks");
	f->console_allow = json_object_get(f->row, "console_allow");
	f->network = json_is_true(json_object_get(f->row, "network"));
	f->stays = json_is_true(json_object_get(f->row, "stays"));
	f->example = json_string_value(json_object_get(f->row, "try"));
	if (!read_int(f->row, "memory_mib", FLAVOR_MEMORY_MIN, FLAVOR_MEMORY_MAX, &f->memory_mib))
		return refuse(error, f, "memory_mib must be 128 to 65536");
	if (!read_int(f->row, "vcpus", 1, FLAVOR_VCPUS_MAX, &f->vcpus))
		return refuse(error, f, "vcpus must be 1 to 64");
	if (read_seconds(json_object_get(f->row, "duration_s"), &f->duration_ns) < 0)
		return refuse(error, f, "duration_s must be a number of seconds");
	if (read_seconds(json_object_get(f->row, "timeout_s"), &f->timeout_ns) < 0 || !f->timeout_ns)
		return refuse(error, f, "timeout_s must be a positive number of seconds");
	if (!json_is_array(f->checks) || !all_strings(f->checks))
		return refuse(error, f, "checks must be an array of names");
	if (f->console_allow && (!json_is_array(f->console_allow) || !all_strings(f->console_allow)))
		return refuse(error, f, "console_allow must be an array of texts");
	return read_forwards(f, error);
}

/* Take over root, which is NULL after a failure, with the reason in `where`. */
static int take_row(struct flavor *f, json_t *root, const json_error_t *where, const char *path,
		    const char *name, char error[static FLAVOR_ERROR_MAX])
{
	*f = (struct flavor){0};
	if (!root) {
		if (where->line > 0)
			snprintf(error, FLAVOR_ERROR_MAX, "%s:%d: %s", path, where->line, where->text);
		else
			snprintf(error, FLAVOR_ERROR_MAX, "cannot read flavors: %s", where->text);
		return -EINVAL;
	}
	/* Either the array itself or an object that has it under "flavors". */
	const json_t *list = json_is_object(root) ? json_object_get(root, "flavors") : root;
	const json_t *row = NULL;
	if (!json_is_array(list))
		snprintf(error, FLAVOR_ERROR_MAX, "%s: not an array of flavors", path);
	else
		row = find_row(list, name, error);
	f->row = json_deep_copy(row);
	json_decref(root);
	if (!f->row)
		return -EINVAL;
	f->name = json_string_value(json_object_get(f->row, "name"));
	int r = result_name_valid(f->name) ? read_row(f, error) : refuse(error, f, "is not a valid name");
	if (r < 0)
		flavor_free(f);
	return r;
}

int flavor_load(struct flavor *f, const char *path, const char *name, char error[static FLAVOR_ERROR_MAX])
{
	json_error_t where;
	_cleanup_fclose_ FILE *file = input_fopen(path);

	if (!file) {
		*f = (struct flavor){0};
		snprintf(error, FLAVOR_ERROR_MAX, "cannot read flavors: %s: %s", path, input_strerror(errno));
		return -EINVAL;
	}
	json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES, &where);

	return take_row(f, root, &where, path, name, error);
}

int flavor_parse(struct flavor *f, const char *text, size_t len, const char *path, const char *name,
		 char error[static FLAVOR_ERROR_MAX])
{
	json_error_t where;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);

	return take_row(f, root, &where, path, name, error);
}

void flavor_free(struct flavor *f)
{
	json_decref(f->row);
	*f = (struct flavor){0};
}

void flavor_as_debian(struct flavor *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->forwards_count; i++) {
		if (!f->forwards[i].only_nix)
			f->forwards[n++] = f->forwards[i];
	}
	f->forwards_count = n;
}

void flavor_without_checks(struct flavor *f)
{
	json_object_set_new(f->row, "checks", json_array());
	f->checks = json_object_get(f->row, "checks");
}
