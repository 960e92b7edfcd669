/* SPDX-License-Identifier: MIT */
/*
 * Build step: embed FILE SYMBOL OUT.c OUT.h. Turns a file into a C array, SYMBOL[] and
 * SYMBOL_len, so that a binary can carry it.
 */
#include <stdio.h>
#include <stdlib.h>

static FILE *open_or_die(const char *path, const char *mode)
{
	FILE *f = fopen(path, mode);

	if (!f) {
		perror(path);
		exit(1);
	}
	return f;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: embed FILE SYMBOL OUT.c OUT.h\n");
		return 2;
	}
	const char *symbol = argv[2];
	FILE *in = open_or_die(argv[1], "rb");
	FILE *c = open_or_die(argv[3], "w");
	FILE *h = open_or_die(argv[4], "w");
	size_t n = 0;
	int byte;

	fprintf(h,
		"#include <stddef.h>\n#include <stdint.h>\nextern const uint8_t %s[];\nextern const size_t "
		"%s_len;\n",
		symbol, symbol);
	fprintf(c,
		"#include <stddef.h>\n#include <stdint.h>\nextern const uint8_t %s[];\nextern const size_t "
		"%s_len;\n",
		symbol, symbol);
	fprintf(c, "const uint8_t %s[] = {", symbol);
	while ((byte = getc(in)) != EOF)
		fprintf(c, "%s%d,", n++ % 20 ? "" : "\n", byte);
	fprintf(c, "\n};\nconst size_t %s_len = %zu;\n", symbol, n);
	if (ferror(in) || fclose(c) || fclose(h)) {
		perror("embed");
		return 1;
	}
	fclose(in);
	return 0;
}
