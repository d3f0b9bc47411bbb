/* SPDX-License-Identifier: Apache-2.0 */
/* base/attr.h - compiler attributes and the few macros that every file may use */
#pragma once

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

/* Runs FN on the variable when it leaves its scope. Each type defines its own AUTO_ macro with
 * it, in the type's header; there is no generic one. */
#define AUTO(fn) __attribute__((cleanup(fn)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Repeats a call that a signal interrupted. Never around close(2): Linux has closed the descriptor
 * even when it says EINTR. */
#define RETRY(expr)                                                                                \
	({                                                                                         \
		__typeof__(expr) retry_;                                                           \
		do                                                                                 \
			retry_ = (expr);                                                           \
		while (retry_ == -1 && errno == EINTR);                                            \
		retry_;                                                                            \
	})
