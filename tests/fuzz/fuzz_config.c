/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config - JSON to struct, with all rules (libFuzzer)
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu17 -D_GNU_SOURCE -Iinclude \
 *       tests/fuzz/fuzz_config.c src/oci/[!t]*.c src/base/[!p]*.c src/base/path.c -lyajl -o fuzz
 *   ./fuzz -max_len=65536 CORPUS tests/bundles tests/spec/schema/test/config/good */
#include <stddef.h>
#include <stdint.h>

#include "oci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_CONFIG c = NULL;
	int r = config_parse("fuzz", (const char *)data, size, true, &c, &err);

	ASSERT((r == 0) == (c != NULL));
	ASSERT((r == 0) == (err.kind == ERR_NONE));
	return 0;
}
