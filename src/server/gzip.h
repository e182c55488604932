/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SERVER_GZIP_H
#define WEIR_SERVER_GZIP_H

/* Gzip both ways, with bounds. A compressor is kept per thread: its tables are 256 KB. */

#include <zlib.h>

#include "base/buf.h"

struct gzip {
    z_stream stream;
    bool is_ready; /* zeroed: not yet used */
};

void gzip_fini(struct gzip *gzip);
/* Appends `from` in gzip, fast rather than small. False without memory or over to's maximum. */
bool gzip_pack(struct gzip *gzip, struct weir_bytes from, struct buf *to);
/* Appends what `from` holds: WEIR_SERIALIZATION when it is not one whole gzip member,
 * WEIR_TOO_LARGE over to's maximum, WEIR_NO_MEMORY. */
enum weir_status gzip_unpack(struct weir_bytes from, struct buf *to);

#endif
