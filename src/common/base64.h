/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Bytes as text: base64 with the alphabet of RFC 4648, section 4, padded. It is how the control
 * protocol carries what is not UTF-8.
 */

#include "common/buffer.h"

/* Appends the text for `size` bytes to `out`. */
void base64_encode(const void *data, size_t size, Buffer *out);

/* Appends the bytes that `size` characters stand for to `out`. Takes only what base64_encode()
 * would have written: no white space, the padding complete, no bits that stand for nothing. Returns
 * 0; -EINVAL for anything else, and `out` is as it was; -ENOMEM. */
int base64_decode(const char *text, size_t size, Buffer *out);
