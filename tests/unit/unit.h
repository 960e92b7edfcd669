/* SPDX-License-Identifier: MIT */
#ifndef UNIT_H
#define UNIT_H
/* Every unit test includes this first: cmocka needs these headers before its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"

#endif
