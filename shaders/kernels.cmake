# The one table of kernels. Every row becomes one SPIR-V module per format, built for all features; the program picks among
# them at run time (backend/kernels.hpp). A row:
#
#   tuff_kernel(<algorithm> [SOURCE <file>] [FORMATS <format>...] [DEFINES <macro>...] [NEEDS <feature>...] [SUBGROUP <size>])
#
#   SOURCE     <algorithm>.comp where it is not given
#   FORMATS    one module per format, named <algorithm>.<format>; the source's #include "format.glsl" is formats/<format>.glsl
#   NEEDS      features beyond the Vulkan 1.3 floor, by their names in host/snapshot.hpp
#   SUBGROUP   the subgroup size the source is written for
#
# Tile shapes and work splits are specialization constants, documented in each source.

# The tensor formats, by their ids in GGUF: the order in which tables print them. A format is a row here, backend/formats/<name>.cpp and
# shaders/formats/<name>.glsl, and nothing else.
set(TUFF_FORMATS f32 f16 q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q3_k q4_k q5_k q6_k iq2_xxs iq2_xs iq3_xxs iq1_s iq4_nl iq3_s iq2_s iq4_xs
  iq1_m bf16 tq1_0 tq2_0 mxfp4 nvfp4 q1_0 q2_0)

# Software devices that fold uniform loads (host/snapshot.hpp): one subgroup of eight lanes per workgroup, lanes = rows.
tuff_kernel(matmul_lanes FORMATS ${TUFF_FORMATS} DEFINES LAYOUT_LANES NEEDS storage8 storage16 int8 float16
  subgroup_shuffle SUBGROUP 8)
tuff_kernel(pack_activations_lanes)

# Everything else: coalesced 32-bit loads, subgroup reductions, shared memory, split-K.
tuff_kernel(matvec_wide FORMATS ${TUFF_FORMATS} DEFINES LAYOUT_PLANES NEEDS subgroup_arithmetic)
tuff_kernel(matmul_wide FORMATS ${TUFF_FORMATS} DEFINES LAYOUT_PLANES)
tuff_kernel(matvec_blocks SOURCE matvec_wide.comp FORMATS ${TUFF_FORMATS} DEFINES LAYOUT_BLOCKS NEEDS subgroup_arithmetic)
tuff_kernel(matmul_blocks SOURCE matmul_wide.comp FORMATS ${TUFF_FORMATS} DEFINES LAYOUT_BLOCKS)
tuff_kernel(pad_activations)
tuff_kernel(reduce_splits)
# Products by expert: a specialization constant of the kernels above (lib/experts.glsl).
tuff_kernel(expert_lists)

# Rows as numbers, and numbers as blocks.
tuff_kernel(get_rows_lanes SOURCE get_rows.comp FORMATS ${TUFF_FORMATS} DEFINES LAYOUT_LANES
            NEEDS storage8 storage16 int8 float16 subgroup_shuffle SUBGROUP 8)
tuff_kernel(get_rows_wide SOURCE get_rows.comp FORMATS ${TUFF_FORMATS} DEFINES LAYOUT_PLANES)
tuff_kernel(get_rows_blocks SOURCE get_rows.comp FORMATS ${TUFF_FORMATS} DEFINES LAYOUT_BLOCKS)
tuff_kernel(quantize)

# Attention over a quantized KV cache: formats, head sizes, masks and variants are specialization constants.
tuff_kernel(attention_queries)
tuff_kernel(attention_lanes NEEDS storage8 storage16 int8 float16 subgroup_shuffle SUBGROUP 8)
tuff_kernel(attention_visible NEEDS storage8 storage16 int8 float16 subgroup_shuffle SUBGROUP 8)
tuff_kernel(attention_wide)
tuff_kernel(attention_combine_lanes NEEDS storage8 storage16 int8 float16 SUBGROUP 8)
tuff_kernel(attention_combine_wide)

# Rows into a KV cache, and heads turned to match it.
tuff_kernel(kv_append_lanes NEEDS storage8 storage16 int8 SUBGROUP 8)
tuff_kernel(kv_append_wide)
tuff_kernel(rotate_heads_lanes SUBGROUP 8)
tuff_kernel(rotate_heads_wide)

# Rooflines.
tuff_kernel(stream_lanes NEEDS storage8 storage16 int8 float16 SUBGROUP 8)
tuff_kernel(stream_wide)
tuff_kernel(fma_rate)
