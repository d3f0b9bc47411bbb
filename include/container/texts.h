/* SPDX-License-Identifier: Apache-2.0 */
/* container/texts.h - failure texts that callers search for, each with who does
 *
 * Engines derive exit codes and retries from these fragments (engine-contracts 3), case-sensitively
 * in part. They may occur in no other message; base/err.h words the errno values differently. */
#pragma once

/* containerd shim, kill and delete: "does not exist" -> no such container, already deleted. */
#define TEXT_NO_CONTAINER     "container \"%s\" does not exist"
/* People and go-runc users; runc's words. */
#define TEXT_ID_TAKEN         "container with given ID already exists: \"%s\""
/* containerd shim, CRI-O: "container not running" -> process already finished. */
#define TEXT_NOT_RUNNING      "container not running"
/* People; runc's words for events. */
#define TEXT_ID_NOT_RUNNING   "container with id %s is not running"
/* go-runc callers, of resume; runc's words. A second pause says TEXT_NOT_RUNNING, as with runc. */
#define TEXT_NOT_PAUSED       "container not paused"
/* runc's words for start and delete in the wrong state. */
#define TEXT_START_RUNNING    "cannot start an already running container"
#define TEXT_START_STOPPED    "cannot start a container that has stopped"
#define TEXT_START_PAUSED     "cannot start a container in the paused state"
/* runc's words for exec; CRI-O looks for the second half of the first one. */
#define TEXT_EXEC_STOPPED     "cannot exec in a stopped container (container not running)"
#define TEXT_EXEC_PAUSED      "cannot exec in a paused container (use --ignore-paused to override)"
/* The second half for Docker 20.10, which knows no other text of 126. */
#define TEXT_EXEC_DIRECTORY   "exec: \"%s\": is a directory: permission denied"
#define TEXT_DELETE_BUSY      "cannot delete container %s that is not stopped: %s"
/* docker, dockerd, podman: exit codes 127 and 126. */
#define TEXT_EXEC_NOT_IN_PATH "exec: \"%s\": executable file not found in $PATH"
#define TEXT_EXEC_ERRNO       "exec: \"%s\": %s" /* with err_text_go(): no such file or directory, … */
/* The same when execve(2) refuses what was found; people search for "exec /x: exec format error".
 */
#define TEXT_EXECVE           "exec %s: %s"
/* docker: 127. */
#define TEXT_CWD              "chdir to cwd (\"%s\") set in config.json failed: %s"
/* go-runc callers. */
#define TEXT_TTY_DETACHED                                                                          \
	"cannot allocate tty if cruntime will detach without setting console socket (--console-socket)"
#define TEXT_SOCKET_WITHOUT_TTY                                                                    \
	"cannot use console socket if cruntime will not detach or allocate tty"
