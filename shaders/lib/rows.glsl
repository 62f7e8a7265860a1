// Rows of weights for kernels that serve both `planes` and `blocks`: OPEN_ROW(base, row) is row `row` of the matrix at `base`.
// It reads the kernel's push constants p: rows and groups (planes), w_stride and w_row_bytes (blocks).
#include "lib/wide.glsl"
#ifdef LAYOUT_BLOCKS
#include "lib/blocks.glsl"
#define OPEN_ROW(base, row) Row(advance(base, row, p.w_stride), p.w_row_bytes)
#else
#define OPEN_ROW(base, row) row_open(base, p.rows, row, p.groups)
#endif
#include "format.glsl"

#ifndef CODEBOOK
void codebook_open(uvec2 address) {}
#endif
