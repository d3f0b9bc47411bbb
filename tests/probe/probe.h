/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - what the files of the probe share: writing JSON to stdout, and looking at files */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* True when the next member or element is the first one of its object or array. */
extern bool first;

/* Opens an object ('{') or array ('[') as the member NAME, or as an element when NAME is NULL; the
 * same for the other functions. */
void begin(const char *name, char bracket);
void end(char bracket);
void put_int(const char *name, int64_t v);
void put_uint(const char *name, uint64_t v);
void put_text(const char *name, const char *v);
void put_bool(const char *name, bool v);
/* "errno": null for 0, otherwise the name of the error. */
void put_errno(int e);

/* The text of the file PATH, or null. */
void put_file(const char *name, const char *path);
/* The target of a symbolic link, or null. */
void put_link(const char *name, int dirfd, const char *path);
/* Members that describe a file. */
void put_stat(const struct stat *st);

/* The whole of a file with its last newline removed, or NULL with errno. Caller frees. */
char *slurp(const char *path);

/* Member NAME: the entries of the directory PATH. */
void report_directory(const char *name, const char *path);
/* What an attacker can get from the runtime's processes in his pid namespace, until a file exists.
 */
void spy(const char *until);
/* Everything that a process can find out about itself. */
void report(int argc, char **argv);
